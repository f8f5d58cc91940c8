import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Where the button that one pressed is gone with its form, what comes in its place takes the focus. */
export function useLostFocus<T extends HTMLElement>(): RefObject<T | null> {
  const ref = useRef<T>(null);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement === null) ref.current?.focus();
  }, []);
  return ref;
}
