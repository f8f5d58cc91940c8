import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Loading } from "../components/States";

const PATHS = ["/setup", "/users", "/commission"];

/** Whether a page of this path exists and is not part of the first load. */
export const comesLater = (path: string): boolean => PATHS.includes(path);

/** A page that few people open seldom: its code comes when it is shown. */
export function Later({ path }: { path: string }) {
  const page = useSignal<{ of: ComponentType<{ path: string }> } | null>(null);
  useEffect(() => {
    void import("../entry/Entry").then((loaded) => {
      page.value = { of: loaded.default };
    });
  }, []);
  const Page = page.value?.of;
  if (Page !== undefined) return <Page path={path} />;
  return path === "/setup" ? <main class="lonely"><Loading rows={4} /></main> : <Loading rows={4} />;
}
