import { signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const MARGIN = "400px";
const printing = signal(false);
addEventListener("beforeprint", () => { printing.value = true; });
addEventListener("afterprint", () => { printing.value = false; });

const watched = new Map<Element, (near: boolean) => void>();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) watched.get(target)?.(isIntersecting);
}, { rootMargin: MARGIN });

/** Whether the element is on the screen or soon will be; on paper everything is. One observer for all. */
export function useNear<T extends Element>(): [RefObject<T | null>, boolean] {
  const ref = useRef<T>(null);
  const near = useSignal(false);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    watched.set(element, (seen) => { near.value = seen; });
    observer.observe(element);
    return () => {
      watched.delete(element);
      observer.unobserve(element);
    };
  }, []);
  return [ref, near.value || printing.value];
}
