/* Dialogs are the browser's own: it keeps the focus inside, and Escape closes them. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, ErrorNote } from "./basic";
import { keepFocus } from "./focus";
import { Icon } from "./icon";

interface DialogProps {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
  /** Beside the page, as high as the window. */
  drawer?: boolean;
  wide?: boolean;
}

let ids = 0;

export function Dialog({ title, onClose, children, drawer, wide }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [id] = useState(() => `dialog-${++ids}`);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element && !element.open) element.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      requestAnimationFrame(keepFocus); // what opened it may be gone
    };
  }, []);
  return <dialog ref={dialog} class={`dialog${drawer ? " drawer" : ""}${wide ? " wide" : ""}`} aria-labelledby={id}
    onCancel={(event) => { event.preventDefault(); onClose(); }}
    onMouseDown={(event) => event.target === dialog.current && onClose()}>
    <div class="dialog-body">
      <header><h2 id={id} tabIndex={-1}>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}><Icon name="close" /></button></header>
      {children}
    </div>
  </dialog>;
}

interface ConfirmProps {
  title: ComponentChildren;
  children: ComponentChildren;
  action: string;
  danger?: boolean;
  run: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done that cannot be undone. It stays, with the reason, if that fails. */
export function Confirm({ title, children, action, danger, run, onClose }: ConfirmProps) {
  const [error, setError] = useState<Error>();
  const confirm = async () => {
    setError(undefined);
    try {
      await run();
    } catch (failure) {
      setError(failure as Error);
      return;
    }
    onClose();
  };
  return <Dialog title={title} onClose={onClose}>
    <div class="prose">{children}</div>
    {error && <ErrorNote error={error} />}
    <footer><Button onClick={onClose}>Leave it</Button>
      <Button kind={danger ? "danger" : "primary"} onClick={confirm}>{action}</Button></footer>
  </Dialog>;
}
