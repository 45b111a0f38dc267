import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Content, type Html, html, trusted } from './html.ts';

/** Style sheets; later ones override earlier ones. */
const STYLE = ['theme', 'page', 'verdict', 'tables', 'traces', 'charts', 'widths', 'print']
  .map(part => readFileSync(new URL(`style/${part}.css`, import.meta.url), 'utf8'))
  .join('\n');
const SCRIPT = readFileSync(new URL('client.js', import.meta.url), 'utf8');

/** Content security policy: nothing is loaded, and only the inlined style and script are allowed, by their hashes. */
const POLICY = [
  "default-src 'none'",
  `style-src ${sourceHash(STYLE)}`,
  `script-src ${sourceHash(SCRIPT)}`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Section of a page; `nav` is its name in the bar on top. @default its title */
export type Section = readonly [id: string, title: string, body: Content, nav?: string];

/** Content of a page. */
export interface Page {
  readonly title: string;
  readonly banner: Content;
  readonly sections: readonly Section[];
}

/** One self-contained HTML file in the style of all reports, light and dark. The same input gives the same bytes. */
export function renderPage({ title, banner, sections }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title} – Squall</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body>
<header class="top"><span class="brand">Squall</span><nav aria-label="Sections">${sections.map(([id, title, , nav = title]) => html`<a href="#${id}">${nav}</a>`)}</nav>${themeChoice()}</header>
<main>
${banner}
${sections.map(([id, title, body]) => section(id, title, body))}
</main>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.markup;
}

function section(id: string, title: string, body: Content): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}
</section>`;
}

/** Theme selector, which works by CSS alone; the script only stores the choice. */
function themeChoice(): Html {
  const choices = [
    ['auto', 'Auto'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ];
  return html`<fieldset class="theme"><legend>Theme</legend>${choices.map(([value, word]) => html`<label><input type="radio" name="theme" id="theme-${value}" value="${value}"${value === 'auto' && html` checked`}><span>${word}</span></label>`)}</fieldset>`;
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
