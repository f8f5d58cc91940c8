import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Loading } from "../components/States";

/** A page whose code comes when it is first asked for, so that the first load stays small. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let Page: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const there = useSignal(Page !== null);
    useEffect(() => {
      if (there.peek()) return;
      void load().then((found) => {
        Page = found;
        there.value = true;
      });
    }, []);
    return there.value && Page !== null ? <Page {...props} /> : <Loading tall />;
  };
}
