import { Dialog } from "../components/Dialog";
import { t } from "../i18n/language";
import { allowSingleKeys, helpOpen, singleKeys } from "./keys";

export function Help() {
  if (!helpOpen.value) return null;
  const words = t();
  const keys: [string[], string][] = [
    [["j", "k"], words.key_move],
    [["Enter"], words.key_open],
    [["a"], words.key_ack],
    [["s"], words.key_shelve],
    [["t"], words.key_ticket],
    [["/"], words.key_find],
    [["g f", "g a", "g t"], words.key_go],
    [["?"], words.key_help],
    [["Esc"], words.key_close],
  ];
  return (
    <Dialog title={words.shortcuts_title} onClose={() => { helpOpen.value = false; }}>
      <dl class="keys">
        {keys.map(([which, what]) => (
          <div key={what}><dt>{which.map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{what}</dd></div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={singleKeys.value} onChange={(event) => allowSingleKeys(event.currentTarget.checked)} />
        {words.shortcuts_on}
      </label>
    </Dialog>
  );
}
