import { useSignal } from "@preact/signals";
import { Problem, post, remove } from "../api/http";
import { useResource } from "../api/resource";
import type { Page, Role } from "../api/types";
import { Act } from "../components/Act";
import { Dialog } from "../components/Dialog";
import { Icon } from "../components/Icon";
import { Empty, Failed, Loading } from "../components/States";
import { say } from "../components/Toast";
import { useTitle } from "../components/title";
import { e } from "../i18n/entry";
import { t, word } from "../i18n/language";
import { session } from "../session";
import { whyRefused } from "./refusal";
import { Secret } from "./Secret";

interface User { user: string; role: Role; has_password: boolean; tokens: number }
interface MadeUser extends User { made_up: string | null }
interface Told { title: string; text: string; hint?: string }
type Doing = { what: "add" } | { what: "password" | "remove"; user: string };

const ROLES: readonly Role[] = ["viewer", "inspector", "operator", "admin"];
const pathOf = (user: string): string => `/users/${encodeURIComponent(user)}`;

function PasswordField() {
  return (
    <label class="field">
      <span>{e().password_optional}</span>
      <input name="password" type="password" autocomplete="new-password" spellcheck={false} />
    </label>
  );
}

/** What one dialog sends; its answer may hold a secret that is shown once. */
function Form({ doing, onClose, onDone }: { doing: Doing; onClose: () => void; onDone: (told: Told | null) => void }) {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const send = async (form: FormData): Promise<Told | null> => {
    const password = String(form.get("password") ?? "");
    const given = password === "" ? {} : { password };
    if (doing.what === "remove") {
      await remove(pathOf(doing.user));
      say(e().removed(doing.user));
      return null;
    }
    const made = doing.what === "add"
      ? await post<MadeUser>("/users", { user: String(form.get("user") ?? "").trim(), role: form.get("role"), ...given })
      : await post<MadeUser>(`${pathOf(doing.user)}/password`, given);
    say(doing.what === "add" ? e().added(made.user) : e().renewed(made.user));
    return made.made_up === null ? null : { title: e().password_of(made.user), text: made.made_up };
  };
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    problem.value = null;
    try {
      onDone(await send(new FormData(event.currentTarget as HTMLFormElement)));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      busy.value = false;
    }
  };
  const title = doing.what === "add" ? e().add_user : doing.what === "password" ? e().new_password_of(doing.user) : e().remove_title(doing.user);
  const verb = doing.what === "add" ? e().add : doing.what === "password" ? e().new_password : e().remove;
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        {doing.what === "add" && (
          <>
            <label class="field"><span>{t().user}</span><input name="user" required maxLength={64} autocomplete="off" autocapitalize="off" spellcheck={false} autofocus /></label>
            <label class="field">
              <span>{t().role}</span>
              <select name="role">{ROLES.map((role) => <option key={role} value={role}>{e().role_is(word("role", role), e()[`may_${role}`])}</option>)}</select>
            </label>
          </>
        )}
        {doing.what === "remove" ? <p>{e().remove_what}</p> : <PasswordField />}
        {doing.what === "password" && <p class="form-warning">{e().new_password_ends}</p>}
        {problem.value !== null && <p class="form-error" role="alert">{whyRefused(problem.value)}</p>}
        <div class="form-buttons">
          <button type="button" class="button" onClick={onClose}>{t().cancel}</button>
          <Act role="admin" type="submit" kind="primary" busy={busy.value}>{verb}</Act>
        </div>
      </form>
    </Dialog>
  );
}

function Row({ user, onDo, onToken }: { user: User; onDo: (doing: Doing) => void; onToken: (user: string) => void }) {
  const own = session.value?.user === user.user;
  return (
    <li class="user-row">
      <Icon name="user" />
      <span class="line-row-main">
        <span class="line-row-title">{user.user}{own && <span class="muted"> ({e().you})</span>}</span>
        <span class="line-row-sub"><b>{word("role", user.role)}</b> {e().ways(user.has_password, user.tokens)}</span>
      </span>
      <span class="user-acts" role="group" aria-label={user.user}>
        <Act role="admin" onClick={() => onDo({ what: "password", user: user.user })}>{e().new_password}</Act>
        <Act role="admin" onClick={() => onToken(user.user)}>{e().new_token}</Act>
        <Act role="admin" onClick={() => onDo({ what: "remove", user: user.user })}>{e().remove}</Act>
      </span>
    </li>
  );
}

export function UsersPage() {
  useTitle(e().users);
  const asked = useResource<Page<User>>("/users?limit=500");
  const doing = useSignal<Doing | null>(null);
  const told = useSignal<Told | null>(null);
  const makeToken = async (user: string): Promise<void> => {
    try {
      const made = await post<{ token: string }>(`${pathOf(user)}/tokens`, {});
      told.value = { title: e().token_of(user), text: made.token, hint: e().token_hint };
      asked.refresh();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(whyRefused(error));
    }
  };
  const users = asked.data.value?.items;
  return (
    <>
      <div class="page-head">
        <h1>{e().users}</h1>
        <div class="page-head-side"><Act role="admin" onClick={() => { doing.value = { what: "add" }; }}>{e().add_user}</Act></div>
      </div>
      <p class="muted">{e().users_lead}</p>
      {asked.problem.value !== null ? <Failed problem={asked.problem.value} retry={asked.refresh} />
        : users === undefined ? <Loading rows={3} />
        : (
          <section class="panel">
            {users.length === 0
              ? <Empty title={e().nobody_yet} hint={e().nobody_yet_hint}><a class="button" href="/setup">{e().setup}</a></Empty>
              : <ul class="users">{users.map((user) => (
                <Row key={user.user} user={user} onDo={(next) => { doing.value = next; }} onToken={(name) => void makeToken(name)} />
              ))}</ul>}
          </section>
        )}
      {doing.value !== null && (
        <Form doing={doing.value} onClose={() => { doing.value = null; }} onDone={(secret) => {
          doing.value = null;
          told.value = secret;
          asked.refresh();
        }} />
      )}
      {told.value !== null && <Secret {...told.value} onClose={() => { told.value = null; }} />}
    </>
  );
}
