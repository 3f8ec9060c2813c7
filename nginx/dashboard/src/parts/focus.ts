/* The focus, where what had it goes away: without this a person with a keyboard would begin at the top of the page again. */

/** If nothing has the focus, the heading of what is open gets it: of the uppermost dialog, or of the page. */
export function keepFocus(): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  const headings = document.querySelectorAll<HTMLElement>("main h1, dialog[open] h2[tabindex]");
  headings[headings.length - 1]?.focus({ preventScroll: true });
}
