import { type Content, type Html, html } from './html.ts';

/** Name, value and meaning; a falsy one is omitted. */
export type Fact = readonly [name: string, value: Content, meaning?: Content] | false | null | undefined;

/** List of facts. */
export function facts(all: readonly Fact[]): Html {
  const entries = all.filter(fact => !!fact);
  if (entries.length === 0) return html`<p class="empty">Not recorded.</p>`;
  return html`<dl class="facts">${entries.map(([name, value, meaning]) => html`<div><dt>${name}</dt><dd>${value}${meaning && html` <small>${meaning}</small>`}</dd></div>`)}</dl>`;
}
