import { useSignal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { post, Problem } from "../api/http";
import { useResource, type Resource } from "../api/resource";
import type { Page, SiteSummary } from "../api/types";
import { spanText } from "../components/Age";
import { Icon } from "../components/Icon";
import { Failed, Loading } from "../components/States";
import { useTitle } from "../components/title";
import { Words } from "../components/Words";
import { e } from "../i18n/entry";
import { language, t } from "../i18n/language";
import { siteUrl } from "../route";
import { chooseLanguage, loadSession, session } from "../session";
import { useLostFocus } from "./focus";
import { whyRefused } from "./refusal";

interface HowFar { step: "code" | "user" | "done"; code_open: boolean; password_least: number }

const STEPS = ["code", "user", "done"] as const;

function useSending(): { busy: boolean; problem: Problem | null; send: (path: string, body: unknown) => Promise<void> } {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const send = async (path: string, body: unknown): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await post<void>(path, body);
      await loadSession();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  };
  return { busy: busy.value, problem: problem.value, send };
}

function codeProblem(problem: Problem): string {
  if (problem.status === 429) return t().sign_in_wait(spanText((problem.document.retry_after_s ?? 60) * 1000));
  return problem.status === 401 ? t().code_refused : whyRefused(problem);
}

function CodeStep({ open, onDone }: { open: boolean; onDone: () => void }) {
  const { busy, problem, send } = useSending();
  const submit = async (code: string): Promise<void> => {
    await send("/session", { code });
    onDone();
  };
  useEffect(() => {
    // The code may come in the part of the address that never leaves the browser.
    const found = /^#code=(.+)$/.exec(location.hash);
    if (found === null) return;
    history.replaceState(null, "", location.pathname);
    void submit(decodeURIComponent(found[1]!));
  }, []);
  if (!open && problem === null && !busy) {
    return (
      <div class="stack">
        <p><b>{e().no_code}</b></p>
        <p class="muted">{e().no_code_hint}</p>
        <p><code>{"maplebridge user add NAME --role admin --site SITE.yaml"}</code></p>
      </div>
    );
  }
  return (
    <form onSubmit={(event) => {
      event.preventDefault();
      void submit(String(new FormData(event.currentTarget as HTMLFormElement).get("code") ?? "").trim());
    }}>
      <label class="field">
        <span>{t().one_time_code}</span>
        <input name="code" required autocomplete="one-time-code" autocapitalize="off" spellcheck={false} aria-describedby="code-hint" />
        <small id="code-hint" class="muted">{t().code_hint}</small>
      </label>
      {problem !== null && <p class="form-error" role="alert">{codeProblem(problem)}</p>}
      <button type="submit" class="button button-primary button-wide" disabled={busy}>{busy ? t().sending : e().go_on}</button>
    </form>
  );
}

function UserStep({ least, onDone }: { least: number; onDone: () => void }) {
  const { busy, problem, send } = useSending();
  const shown = useSignal(false);
  const submit = async (form: FormData): Promise<void> => {
    const user = String(form.get("user") ?? "").trim();
    await send("/setup", { user, password: String(form.get("password") ?? ""), language: language.peek() });
    onDone();
  };
  return (
    <form onSubmit={(event) => {
      event.preventDefault();
      void submit(new FormData(event.currentTarget as HTMLFormElement));
    }}>
      <label class="field">
        <span>{e().your_name}</span>
        <input name="user" required maxLength={64} autocomplete="username" autocapitalize="off" spellcheck={false} />
      </label>
      <div class="field">
        <label class="field">
          <span>{e().your_password}</span>
          <input name="password" {...(shown.value ? {} : { type: "password" as const })} required minLength={least} autocomplete="new-password" spellcheck={false} aria-describedby="password-hint" />
        </label>
        <small id="password-hint" class="muted">{e().least_length(least)}</small>
        <label class="check"><input type="checkbox" checked={shown.value} onChange={() => { shown.value = !shown.value; }} /> {e().show_password}</label>
      </div>
      {problem !== null && <p class="form-error" role="alert">{whyRefused(problem)}</p>}
      <button type="submit" class="button button-primary button-wide" disabled={busy}>{busy ? t().sending : e().make_user}</button>
      <p class="muted">{e().make_user_hint}</p>
    </form>
  );
}

function Next({ title, children }: { title: string; children: ComponentChildren }) {
  return <li class="next-step"><h2>{title}</h2>{children}</li>;
}

function DoneStep() {
  const sites = useResource<Page<SiteSummary>>(session.value ? "/sites" : null);
  if (!session.value) {
    return <div class="stack"><p>{e().done_already}</p><a class="button button-primary button-wide" href="/sign-in">{t().sign_in}</a></div>;
  }
  if (sites.problem.value !== null) return <Failed problem={sites.problem.value} retry={sites.refresh} />;
  if (sites.data.value === null) return <Loading rows={3} />;
  const site = sites.data.value.items[0];
  return (
    <ul class="next-steps">
      <Next title={e().next_site}>
        {site === undefined ? <p>{e().next_site_none}</p> : (
          <>
            <p><b><Words of={site.name} /></b> {e().next_site_runs(site.devices.answering, site.devices.total)}</p>
            <a class="button button-primary" href={siteUrl(site.id)}>{e().next_site_open}</a>
          </>
        )}
      </Next>
      <Next title={e().next_scan}><p class="muted">{e().next_scan_hint}</p><a class="button" href="/commission">{e().next_scan_open}</a></Next>
      <Next title={e().next_check}><p class="muted">{e().next_check_hint}</p><p><code>{"maplebridge check SITE.yaml"}</code></p></Next>
      <Next title={e().next_users}><p class="muted">{e().next_users_hint}</p><a class="button" href="/users">{e().next_users_open}</a></Next>
    </ul>
  );
}

function Step({ far, acted }: { far: Resource<HowFar>; acted: RefObject<boolean> }) {
  const { step, code_open: open, password_least: least } = far.data.value!;
  const ref = useLostFocus<HTMLElement>(acted.current === true);
  const done = (): void => {
    acted.current = true;
    far.refresh();
  };
  const at = STEPS.indexOf(step);
  return (
    <section class="quiet-focus" ref={ref} tabIndex={-1} aria-label={e().step_n(at + 1, STEPS.length)}>
      {step === "code" ? <CodeStep open={open} onDone={done} /> : step === "user" ? <UserStep least={least} onDone={done} /> : <DoneStep />}
    </section>
  );
}

/** From the printed code to a first user and what comes after; whoever comes back goes on where they were. */
export function SetupPage() {
  useTitle(e().setup);
  const far = useResource<HowFar>("/setup");
  const acted = useRef(false);
  const next = language.value === "en" ? "zh" : "en";
  const at = far.data.value === null ? -1 : STEPS.indexOf(far.data.value.step);
  return (
    <main class="sign-in">
      <section class="sign-in-card setup-card">
        <header>
          <img src="/favicon.svg" alt="" width="48" height="48" />
          <h1>{e().setup}</h1>
          <p class="muted">{e().setup_lead}</p>
        </header>
        <ol class="steps" aria-label={e().steps}>
          {STEPS.map((step, index) => (
            <li key={step} class={index < at ? "step step-past" : "step"} {...(index === at ? { "aria-current": "step" as const } : {})}>
              <span class="step-mark">{index < at ? <Icon name="check" size={16} /> : index + 1}</span>{e()[`step_${step}`]}
            </li>
          ))}
        </ol>
        {far.problem.value !== null ? <Failed problem={far.problem.value} retry={far.refresh} /> : at === -1 ? <Loading rows={2} /> : (
          <Step key={at} far={far} acted={acted} />
        )}
        <footer>
          <button type="button" class="link" lang={next === "zh" ? "zh-CN" : "en"} onClick={() => void chooseLanguage(next)}>{t().language_other}</button>
        </footer>
      </section>
    </main>
  );
}
