// Questions that tests ask inside a rendered report; each runs in the browser and must stand alone.

/** @returns {number} by how many pixels the page is wider than the window */
export function overflow() {
  return document.documentElement.scrollWidth - innerWidth;
}

/** @returns {string[]} tables, or cells of tables, that lack what a screen reader needs */
export function badTables() {
  return [...document.querySelectorAll('table')].flatMap(table => [
    ...(table.caption && table.caption.textContent.trim() !== '' ? [] : [`${table.id} has no caption`]),
    ...[...table.querySelectorAll('th')]
      .filter(th => !th.scope)
      .map(th => `${table.id}: ${th.textContent} has no scope`),
    ...[...table.tBodies[0].rows]
      .filter(row => row.cells[0].scope !== 'row')
      .map(() => `${table.id}: a row without header`),
  ]);
}

/** @returns {string[]} what can be acted on and is seen, one entry for a group of radio buttons */
export function interactive() {
  const all = [...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')];
  const seen = all.filter(element => element.checkVisibility() && (element.type !== 'radio' || element.checked));
  for (const [index, element] of seen.entries()) element.dataset.probe = String(index);
  return seen.map(element => element.dataset.probe);
}

/** @returns {{ probe: string | undefined, marked: boolean }} what has the focus, and whether a reader can see that */
export function focused() {
  const element = document.activeElement;
  const marker = element.type === 'radio' ? element.nextElementSibling : element;
  const { outlineStyle, outlineWidth } = getComputedStyle(marker);
  return { probe: element.dataset.probe, marked: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 };
}

/** @returns {{ text: string, ratio: number }[]} every text that is seen, with its contrast to what lies behind it (WCAG 2.2) */
export function contrasts() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map(value => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backdrop = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const owners = [...document.body.querySelectorAll('*')].filter(
    element =>
      element.checkVisibility() &&
      !['SCRIPT', 'STYLE'].includes(element.tagName) &&
      [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim() !== ''),
  );
  return owners.map(element => {
    const style = getComputedStyle(element);
    const front = luminance(channels(element instanceof SVGElement ? style.fill : style.color));
    const back = luminance(backdrop(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    return { text: element.textContent.slice(0, 40), ratio };
  });
}

/** @returns {string[]} pairs of labels of one chart that lie on each other, and labels that leave their chart */
export function badLabels() {
  const drawings = [...document.querySelectorAll('.plot > svg')].filter(svg => svg.clientWidth > 0);
  return drawings.flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('text')].map(text => ({
      name: text.textContent,
      box: text.getBoundingClientRect(),
    }));
    const outside = boxes.filter(
      ({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1,
    );
    const touching = boxes.flatMap((one, index) =>
      boxes
        .slice(index + 1)
        .filter(
          ({ box }) =>
            one.box.left < box.right &&
            box.left < one.box.right &&
            one.box.top + 3 < box.bottom &&
            box.top + 3 < one.box.bottom,
        )
        .map(other => `${one.name} on ${other.name}`),
    );
    return [...outside.map(({ name }) => `${name} leaves the chart`), ...touching];
  });
}

/** Does to the page what the other probes look for. */
export function breakPage() {
  const wide = document.body.appendChild(document.createElement('div'));
  wide.style.width = '3000px';
  wide.style.height = '9px';
  document.querySelector('h1').style.color = '#c9ccd1';
  document.querySelector('caption').remove();
  for (const text of document.querySelectorAll('.tick')) text.setAttribute('y', '50');
  document.body.appendChild(document.createElement('img')).src = 'https://example.invalid/pixel.png';
}
