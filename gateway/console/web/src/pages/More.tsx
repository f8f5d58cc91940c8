import { Icon } from "../components/Icon";
import { useTitle } from "../components/title";
import { t } from "../i18n/language";
import { hasRole } from "../session";
import { furtherPages } from "../shell/further";

/** On a phone the pages that have no room in the bar. */
export function MorePage() {
  useTitle(t().more);
  return (
    <>
      <div class="page-head"><h1>{t().more}</h1></div>
      <section class="panel"><div class="line-rows">
        {furtherPages().filter(({ role }) => hasRole(role)).map(({ href, icon, text }) => (
          <a key={href} class="line-row" href={href} data-row={href}><Icon name={icon} size={22} /><span class="line-row-main"><span class="line-row-title">{text}</span></span></a>
        ))}
      </div></section>
    </>
  );
}
