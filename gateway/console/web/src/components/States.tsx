import type { ComponentChildren } from "preact";
import type { Problem } from "../api/http";
import { t, word } from "../i18n/language";
import { Icon } from "./Icon";

/** Why there is nothing here, and what comes next. */
export function Empty({ title, hint, children }: { title: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {hint && <p class="muted">{hint}</p>}
      {children}
    </div>
  );
}

/** Grey blocks in the shape of what will come; they appear only after a moment. `page` heads a whole page of them. */
export function Loading({ rows = 3, tall = false, page }: { rows?: number; tall?: boolean; page?: string }) {
  return (
    <>
      {page !== undefined && <div class="page-head"><h1>{page}</h1></div>}
      <div class="loading" role="status">
        <span class="hidden">{t().loading}</span>
        {Array.from({ length: rows }, (_, index) => <div key={index} class={`block${tall ? " block-tall" : ""}`} />)}
      </div>
    </>
  );
}

export function problemText(problem: Problem): string {
  if (problem.status === 0) return t().error_network;
  if (problem.slug === "unreadable") return t().error_unreadable;
  if (problem.status === 403) {
    const role = problem.document.role;
    return role ? t().needs_role(word("role", role)) : t().error_forbidden;
  }
  if (problem.status >= 500) return t().error_server;
  return problem.document.detail ?? problem.document.title;
}

export function Failed({ problem, retry }: { problem: Problem; retry?: () => void }) {
  if (problem.status === 404) return <NotFound />;
  return (
    <div class="failed" role="alert">
      <Icon name="warning" />
      <div>
        <p class="failed-title">{problem.status === 403 ? t().error_forbidden : t().error_title}</p>
        <p>{problemText(problem)}</p>
      </div>
      {retry && problem.status !== 403 && <button type="button" class="button" onClick={retry}>{t().retry}</button>}
    </div>
  );
}

export function NotFound() {
  return (
    <>
      <div class="page-head"><h1>{t().error_not_found}</h1></div>
      <Empty title={t().error_not_found_hint}><a class="button" href="/">{t().to_sites}</a></Empty>
    </>
  );
}
