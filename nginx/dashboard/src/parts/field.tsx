/* A labelled field of a form, with a hint, and with what is wrong with its value. */
import type { ComponentChildren, JSX } from "preact";
import { cloneElement } from "preact";
import { useState } from "preact/hooks";

let ids = 0;

interface FieldProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | undefined;
  children: JSX.Element;
  wide?: boolean;
}

export function Field({ label, hint, error, children, wide }: FieldProps) {
  const [id] = useState(() => `field-${++ids}`);
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return <div class={`field${wide ? " wide" : ""}${error ? " wrong" : ""}`}>
    <label for={id}>{label}</label>
    {cloneElement(children, { id, "aria-describedby": described || undefined, "aria-invalid": error ? "true" : undefined })}
    {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    {error && <p class="error" id={`${id}-error`}><bdi>{error}</bdi></p>}
  </div>;
}

export function Check({ label, hint, checked, onChange }:
  { label: ComponentChildren; hint?: ComponentChildren; checked: boolean; onChange: (checked: boolean) => void }) {
  return <label class="check"><input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
    <span>{label}{hint && <span class="hint">{hint}</span>}</span></label>;
}

interface TabsProps<T extends string> {
  tabs: readonly (readonly [T, ComponentChildren])[];
  current: T;
  onChange: (tab: T) => void;
  label: string;
}

/** Buttons of which one is pressed. */
export function Tabs<T extends string>({ tabs, current, onChange, label }: TabsProps<T>) {
  return <div class="tabs" role="group" aria-label={label}>
    {tabs.map(([tab, text]) => <button type="button" aria-pressed={tab === current} onClick={() => onChange(tab)}>{text}</button>)}
  </div>;
}
