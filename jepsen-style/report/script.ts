/**
 * The report's only script: tips that come at once and by touch, where the browser's own come late,
 * a first look at the right place of a wide drawing, and its names kept in view. Without it nothing
 * is missing.
 */
export const script = `
'use strict';
(() => {
  const tip = document.createElement('div');
  tip.className = 'tooltip';
  tip.hidden = true;
  document.body.append(tip);
  for (const mark of document.querySelectorAll('.tip')) {
    const title = mark.querySelector(':scope > title');
    if (title === null) continue;
    mark.dataset.tip = title.textContent;
    mark.setAttribute('aria-label', title.textContent);
    title.remove();
  }
  const show = (event) => {
    const mark = event.target instanceof Element ? event.target.closest('[data-tip]') : null;
    tip.hidden = mark === null;
    if (mark === null) return;
    tip.textContent = mark.dataset.tip;
    const box = tip.getBoundingClientRect();
    const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const below = event.clientY + 18;
    const y = below + box.height > innerHeight ? event.clientY - box.height - 12 : below;
    tip.style.transform = 'translate(' + Math.max(8, x) + 'px,' + Math.max(8, y) + 'px)';
  };
  addEventListener('pointermove', show, { passive: true });
  addEventListener('pointerdown', show, { passive: true });
  addEventListener('scroll', () => { tip.hidden = true; }, { passive: true, capture: true });
  const wide = document.getElementById('excerpt-scroll');
  const stuck = wide === null ? null : wide.querySelector('.stuck');
  if (stuck !== null) {
    const at = stuck.getBoundingClientRect().left - wide.getBoundingClientRect().left;
    const names = wide.querySelectorAll('.lane-name');
    wide.addEventListener('scroll', () => {
      for (const name of names) name.setAttribute('transform', 'translate(' + wide.scrollLeft + ')');
    }, { passive: true });
    wide.scrollLeft = Math.max(0, at - wide.clientWidth * 0.65);
  }
})();
`
