import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Where the button that one pressed is gone with its form (`acted`), what comes in its place takes the focus. */
export function useLostFocus<T extends HTMLElement>(acted: boolean): RefObject<T | null> {
  const ref = useRef<T>(null);
  useEffect(() => {
    const lost = document.activeElement === document.body || document.activeElement === null;
    if (acted && lost) ref.current?.focus({ preventScroll: true });
  }, []);
  return ref;
}
