import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { t, word } from "../i18n/language";
import { canWrite, hasRole } from "../session";
import type { Role } from "../api/types";

/** Why this person cannot act now, or null. */
export function whyNot(role: Role): string | null {
  if (!hasRole(role)) return t().needs_role(word("role", role));
  return canWrite.value ? null : t().lost_writes;
}

/** A button that writes: disabled with its reason while the link is lost or the role is too small. */
export function Act({ role, busy = false, kind = "", onClick, type = "button", disabled = false, children }: {
  role: Role; busy?: boolean; kind?: "primary" | ""; onClick?: () => void; type?: "button" | "submit"; disabled?: boolean;
  children: ComponentChildren;
}) {
  const id = useId();
  const why = whyNot(role);
  return (
    <>
      <button type={type} class={`button ${kind === "" ? "" : `button-${kind}`}`} disabled={why !== null || busy || disabled} {...(onClick ? { onClick } : {})}
        {...(why === null ? {} : { title: why, "aria-describedby": id })}>
        {busy ? t().sending : children}
      </button>
      {why !== null && <span id={id} class="hidden">{why}</span>}
    </>
  );
}
