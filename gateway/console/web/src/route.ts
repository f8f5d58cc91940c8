import { signal } from "@preact/signals";

/** Where we are. The URL holds all state: page, filters, range. */
export interface Place { path: string; search: URLSearchParams; hash: string }

const here = (): Place => ({
  path: location.pathname,
  search: new URLSearchParams(location.search),
  hash: location.hash,
});

export const place = signal<Place>(here());

export function go(url: string, replace = false): void {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  const before = place.value.path;
  place.value = here();
  if (before !== place.value.path) scrollTo(0, 0);
}

/** Change some parts of the query and keep the rest; null or "" takes a part away. */
export function setQuery(parts: Record<string, string | null>, replace = true): void {
  const search = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts)) {
    if (value === null || value === "") search.delete(name);
    else search.set(name, value);
  }
  const text = search.toString();
  go(location.pathname + (text === "" ? "" : `?${text}`), replace);
}

/** `/sites/:site` against `/sites/hall` gives `{site: "hall"}`, else null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split("/");
  const have = path.replace(/\/+$/, "").split("/");
  if (want.length !== have.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of want.entries()) {
    const given = have[index]!;
    if (part.startsWith(":")) {
      if (given === "") return null;
      found[part.slice(1)] = decodeURIComponent(given);
    } else if (part !== given) return null;
  }
  return found;
}

export const siteUrl = (site: string): string => `/sites/${encodeURIComponent(site)}`;
export const deviceUrl = (site: string, device: string): string =>
  `${siteUrl(site)}/devices/${encodeURIComponent(device)}`;
export const alertUrl = (id: string): string => `/alerts/${encodeURIComponent(id)}`;
export const ticketUrl = (id: string): string => `/tickets/${encodeURIComponent(id)}`;

/** Links stay ordinary links; a plain click inside our pages needs no reload. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    place.value = here();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest("a");
    if (!link || link.target !== "" || link.hasAttribute("download")) return;
    const href = link.getAttribute("href");
    if (href === null || !href.startsWith("/") || href.startsWith("/api/")) return;
    event.preventDefault();
    go(href);
  });
}
