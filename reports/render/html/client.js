// Interactive part of the report. Inlined unchanged, so it imports nothing and needs no build. All texts were formatted and escaped
// by the renderer; the script only reads the table below the charts.
(() => {
  for (const element of document.querySelectorAll('.scripted')) element.hidden = false;
  rememberTheme();
  copyButton();
  eventFilter();
  charts();

  /** Keeps the chosen theme over reloads, where the browser grants storage to a file. */
  function rememberTheme() {
    const key = 'squall-theme';
    try {
      const chosen = document.querySelector(`.theme input[value="${CSS.escape(localStorage.getItem(key) ?? '')}"]`);
      if (chosen) chosen.checked = true;
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
    document.querySelector('.theme').addEventListener('change', event => {
      try {
        localStorage.setItem(key, event.target.value);
      } catch {
        // As above.
      }
    });
  }

  function copyButton() {
    const button = document.querySelector('#copy');
    const command = document.querySelector('#replay-command');
    // Only the report of a run has one.
    if (!button) return;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(command.textContent);
      } catch {
        getSelection().selectAllChildren(command);
        document.execCommand('copy');
      }
      button.textContent = 'Copied';
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 2000);
    });
  }

  function eventFilter() {
    const input = document.querySelector('#event-filter');
    if (!input) return;
    const rows = [...document.querySelectorAll('#event-table tbody tr')];
    const output = document.querySelector('.filter output');
    input.addEventListener('input', () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      output.textContent = wanted === '' ? '' : `${rows.filter(row => !row.hidden).length} of ${rows.length}`;
    });
  }

  /** Crosshair through all charts: moved by the pointer or the arrow keys, removed by Escape. */
  function charts() {
    const rows = [...document.querySelectorAll('#figures tbody tr')];
    const plots = [...document.querySelectorAll('.plot[data-slot]')].map(element => plotOf(element, rows));
    const moveTo = (index, active) => {
      for (const plot of plots) plot.show(index, plot === active);
    };
    const clear = () => {
      for (const plot of plots) plot.hide();
    };
    for (const plot of plots) {
      const { element } = plot;
      const point = event => moveTo(plot.indexAt(event.clientX), plot);
      element.addEventListener('pointermove', point);
      element.addEventListener('pointerdown', point);
      element.addEventListener('pointerleave', event => event.pointerType === 'mouse' && clear());
      element.addEventListener('focus', () => element.matches(':focus-visible') && moveTo(plot.index(), plot));
      element.addEventListener('blur', clear);
      element.addEventListener('keydown', event => {
        const next = indexAfter(event.key, plot.index(), rows.length - 1);
        if (event.key === 'Escape') clear();
        if (next === undefined) return;
        event.preventDefault();
        moveTo(next, plot);
      });
    }
    addEventListener('resize', clear);
  }

  /** @returns {number | undefined} slot that a key moves to, undefined for other keys */
  function indexAfter(key, index, last) {
    const page = Math.max(1, Math.round(last / 10));
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: page, PageDown: -page };
    if (key === 'Home') return 0;
    if (key === 'End') return last;
    return key in steps ? Math.min(last, Math.max(0, index + steps[key])) : undefined;
  }

  /** Chart with a method to find the slot under the pointer and one to show a slot. */
  function plotOf(element, rows) {
    const legend = [...element.parentElement.querySelectorAll('.legend li[data-column]')];
    const crosshair = element.appendChild(create('div', 'crosshair'));
    const tip = element.appendChild(create('div', 'tip'));
    const slotMs = Number(element.dataset.slot);
    const endMs = Number(element.dataset.end);
    let current = 0;
    element.tabIndex = 0;
    setAttributes(element, {
      role: 'slider',
      'aria-label': `${element.dataset.label}, by time`,
      'aria-valuemin': 0,
      'aria-valuemax': rows.length - 1,
    });

    /** Edges of the drawing area in CSS pixels, relative to the plot. */
    function area() {
      const svg = [...element.querySelectorAll('svg[data-left]')].find(drawing => drawing.clientWidth > 0);
      const scale = svg.clientWidth / svg.viewBox.baseVal.width;
      const edge = name => Number(svg.dataset[name]) * scale;
      return { left: edge('left'), right: edge('right'), top: edge('top'), bottom: edge('bottom') };
    }

    function hide() {
      crosshair.hidden = true;
      tip.hidden = true;
    }

    function show(index, withTip) {
      current = index;
      const { left, right, top, bottom } = area();
      const x = left + (((index + 0.5) * slotMs) / endMs) * (right - left);
      crosshair.hidden = false;
      place(crosshair, { left: x, top });
      crosshair.style.height = `${bottom - top}px`;
      const text = fill(tip, legend, rows[index]);
      setAttributes(element, { 'aria-valuenow': index, 'aria-valuetext': text });
      tip.hidden = !withTip;
      if (!withTip) return;
      const beside = x > (left + right) / 2 ? x - tip.offsetWidth - 12 : x + 12;
      place(tip, { left: Math.max(0, Math.min(beside, element.clientWidth - tip.offsetWidth)), top: top + 6 });
    }

    function indexAt(clientX) {
      const { left, right } = area();
      const atMs = ((clientX - element.getBoundingClientRect().left - left) / (right - left)) * endMs;
      return Math.min(rows.length - 1, Math.max(0, Math.floor(atMs / slotMs)));
    }

    hide();
    setAttributes(element, { 'aria-valuenow': 0, 'aria-valuetext': fill(tip, legend, rows[0]) });
    return { element, show, hide, indexAt, index: () => current };
  }

  /** Writes a row of the table into the tip. @returns {string} the same values as one sentence */
  function fill(tip, legend, row) {
    const cells = row.cells;
    const inEffect = cells[cells.length - 1].textContent;
    const lines = legend.map(item => {
      const line = create('div', '');
      const value = create('b', '', cells[Number(item.dataset.column)].textContent);
      line.append(item.querySelector('svg').cloneNode(true), create('span', '', item.textContent), value);
      return { line, words: `${item.textContent} ${value.textContent}` };
    });
    const time = cells[0].textContent;
    tip.replaceChildren(create('p', '', time), ...lines.map(({ line }) => line));
    if (inEffect !== '') tip.append(create('p', 'in-effect', `in effect: ${inEffect}`));
    return `${time}: ${lines.map(({ words }) => words).join(', ')}${inEffect === '' ? '' : `; in effect: ${inEffect}`}`;
  }

  function create(tag, className, text = '') {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  }

  function setAttributes(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  }

  function place(element, { left, top }) {
    element.style.left = `${left}px`;
    element.style.top = `${top}px`;
  }
})();
