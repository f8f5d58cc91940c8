import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { post, Problem } from "../api/http";
import { spanText } from "../components/Age";
import { problemText } from "../components/States";
import { language, t } from "../i18n/language";
import { chooseLanguage, loadSession } from "../session";

/** The code may come in the part of the address that never leaves the browser. */
function codeInAddress(): string {
  const found = /^#code=(.+)$/.exec(location.hash);
  return found ? decodeURIComponent(found[1]!) : "";
}

function refusal(problem: Problem, byCode: boolean): string {
  if (problem.status === 429) return t().sign_in_wait(spanText((problem.document.retry_after_s ?? 60) * 1000));
  if (problem.status === 401) return byCode ? t().code_refused : t().sign_in_refused;
  return problemText(problem);
}

export function SignInPage() {
  const byCode = useSignal(codeInAddress() !== "");
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const next = language.value === "en" ? "zh" : "en";

  const send = async (body: Record<string, string>): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await post<void>("/session", { ...body, language: language.peek() });
      // Who is signed in sees the page that was asked for: the shell leads there.
      await loadSession();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  };

  useEffect(() => {
    document.title = `${t().sign_in} · ${t().app}`;
    const code = codeInAddress();
    if (code === "") return;
    history.replaceState(null, "", location.pathname + location.search);
    void send({ code });
  }, []);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    void send(byCode.value ? { code: text("code") } : { user: text("user"), password: String(form.get("password") ?? "") });
  };

  return (
    <main class="sign-in">
      <section class="sign-in-card">
        <header>
          <img src="/favicon.svg" alt="" width="48" height="48" />
          <h1>{t().app}</h1>
          <p class="muted">{t().sign_in_lead}</p>
        </header>
        <form onSubmit={submit}>
          {byCode.value ? (
            <label class="field" key="code">
              <span>{t().one_time_code}</span>
              <input name="code" required autocomplete="one-time-code" autocapitalize="off" spellcheck={false} aria-describedby="code-hint" />
              <small id="code-hint" class="muted">{t().code_hint}</small>
            </label>
          ) : (
            <>
              <label class="field" key="user">
                <span>{t().user}</span>
                <input name="user" required autocomplete="username" autocapitalize="off" spellcheck={false} />
              </label>
              <label class="field" key="password">
                <span>{t().password}</span>
                <input name="password" type="password" required autocomplete="current-password" />
              </label>
            </>
          )}
          {problem.value !== null && <p class="form-error" role="alert">{refusal(problem.value, byCode.value)}</p>}
          <button type="submit" class="button button-primary button-wide" disabled={busy.value}>{busy.value ? t().sending : t().sign_in}</button>
        </form>
        <footer>
          <button type="button" class="link" onClick={() => { byCode.value = !byCode.value; problem.value = null; }}>
            {byCode.value ? t().with_password : t().with_code}
          </button>
          <button type="button" class="link" lang={next === "zh" ? "zh-CN" : "en"} onClick={() => void chooseLanguage(next)}>{t().language_other}</button>
        </footer>
      </section>
    </main>
  );
}
