import { useSignal, type Signal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { get, Problem } from "./http";

export interface Resource<T> {
  data: Signal<T | null>;
  problem: Signal<Problem | null>;
  /** Ask again; what is shown stays until the answer is there. */
  refresh: () => void;
}

/**
 * The document at `path`, asked again when the path changes; null asks nothing.
 * `suffix` is added at each asking, for what moves with the time.
 */
export function useResource<T>(path: string | null, everyMs = 0, suffix: () => string = () => ""): Resource<T> {
  const data = useSignal<T | null>(null);
  const problem = useSignal<Problem | null>(null);
  const asked = useRef<AbortController | null>(null);

  const load = useCallback(() => {
    if (path === null) return;
    asked.current?.abort();
    const mine = new AbortController();
    asked.current = mine;
    get<T>(path + suffix(), mine.signal).then(
      (answer) => {
        if (mine.signal.aborted) return;
        data.value = answer;
        problem.value = null;
      },
      (error: unknown) => {
        if (mine.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        problem.value = error;
      },
    );
  }, [path]);

  useEffect(() => {
    data.value = null;
    problem.value = null;
    load();
    const timer = everyMs > 0 ? setInterval(() => document.hidden || load(), everyMs) : 0;
    return () => {
      clearInterval(timer);
      asked.current?.abort();
    };
  }, [load, everyMs]);

  return { data, problem, refresh: load };
}
