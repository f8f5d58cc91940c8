import { useSignal } from "@preact/signals";
import { post, Problem, remove } from "../api/http";
import { useResource } from "../api/resource";
import type { ConsoleUser, Page, Role } from "../api/types";
import { Act } from "../components/Act";
import { Dialog } from "../components/Dialog";
import { Panel } from "../components/Panel";
import { Empty, Failed, Loading, problemText } from "../components/States";
import { say } from "../components/Toast";
import { useTitle } from "../components/title";
import { t, word } from "../i18n/language";
import { session } from "../session";

const ROLES: Role[] = ["viewer", "inspector", "operator", "admin"];

/** A word that is shown once: whoever needs it copies it now. */
function Once({ title, text, onClose }: { title: string; text: string; onClose: () => void }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{t().users_once}</p>
      <p><code class="once">{text}</code></p>
      <div class="form-buttons"><button type="button" class="button button-primary" autofocus onClick={onClose}>{t().close}</button></div>
    </Dialog>
  );
}

/** Who may sign in, and as what. The first user is made here with the gateway's one-time code. */
export function UsersPage() {
  useTitle(t().users);
  const asked = useResource<Page<ConsoleUser>>("/users");
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const once = useSignal<{ title: string; text: string } | null>(null);
  const removing = useSignal<string | null>(null);
  const users = asked.data.value?.items ?? null;

  const attempt = async (act: () => Promise<void>): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await act();
      asked.refresh();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = problemText(error);
    }
    busy.value = false;
  };
  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const password = String(fields.get("password") ?? "");
    await attempt(async () => {
      const made = await post<{ name: string; password: string | null }>("/users", {
        name: String(fields.get("name") ?? "").trim(), role: String(fields.get("role")), ...(password === "" ? {} : { password }),
      });
      form.reset();
      if (made.password === null) say(t().users_added(made.name));
      else once.value = { title: t().users_password_of(made.name), text: made.password };
    });
  };
  const token = (name: string): Promise<void> => attempt(async () => {
    const made = await post<{ token: string }>(`/users/${encodeURIComponent(name)}/token`, {});
    once.value = { title: t().users_token_of(name), text: made.token };
  });
  const gone = (name: string): Promise<void> => attempt(async () => {
    await remove(`/users/${encodeURIComponent(name)}`);
    say(t().users_removed(name));
  });

  return (
    <>
      <div class="page-head"><h1>{t().users}</h1></div>
      {problem.value !== null && <p class="form-error" role="alert">{problem.value}</p>}
      <div class="two-columns">
        <Panel title={t().users} flush>
          {asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : users === null ? <Loading rows={3} />
            : users.length === 0 ? <Empty title={t().users_none} hint={t().users_none_hint} /> : (
              <div class="line-rows">
                {users.map((user) => (
                  <div key={user.name} class="line-row">
                    <span class="line-row-main">
                      <span class="line-row-title">{user.name}</span>
                      <span class="line-row-sub"><b>{word("role", user.role)}</b><span>{t().users_tokens(user.tokens)}</span></span>
                    </span>
                    <span class="line-row-side acts">
                      <Act role="admin" busy={busy.value} onClick={() => void token(user.name)}>{t().users_token}</Act>
                      {user.name !== session.value?.user && <Act role="admin" busy={busy.value} onClick={() => { removing.value = user.name; }}>{t().arg_remove}</Act>}
                    </span>
                  </div>
                ))}
              </div>
            )}
        </Panel>
        <Panel title={t().users_add}>
          <form class="form" onSubmit={(event) => void add(event)}>
            <label class="field"><span>{t().user}</span><input name="name" required maxLength={64} autocapitalize="off" autocomplete="off" spellcheck={false} /></label>
            <label class="field"><span>{t().users_role}</span>
              <select name="role">{ROLES.map((role) => <option key={role} value={role} selected={users?.length === 0 ? role === "admin" : role === "viewer"}>{word("role", role)}</option>)}</select>
            </label>
            <label class="field"><span>{t().password} <span class="muted">({t().arg_optional})</span></span>
              <input name="password" type="password" autocomplete="new-password" minLength={12} maxLength={256} aria-describedby="password-hint" />
              <small id="password-hint" class="muted">{t().users_password_hint}</small>
            </label>
            <div class="form-buttons"><Act role="admin" type="submit" kind="primary" busy={busy.value}>{t().users_add}</Act></div>
          </form>
        </Panel>
      </div>
      {once.value && <Once {...once.value} onClose={() => { once.value = null; }} />}
      {removing.value !== null && (
        <Dialog title={t().users_remove(removing.value)} onClose={() => { removing.value = null; }}>
          <p>{t().users_remove_hint}</p>
          <div class="form-buttons">
            <button type="button" class="button" autofocus onClick={() => { removing.value = null; }}>{t().cancel}</button>
            <Act role="admin" kind="primary" onClick={() => { const name = removing.value!; removing.value = null; void gone(name); }}>{t().arg_remove}</Act>
          </div>
        </Dialog>
      )}
    </>
  );
}
