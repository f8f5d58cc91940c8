import { signal } from "@preact/signals";
import { t } from "../i18n/language";

interface Note { id: number; text: string; undo?: () => void }
const notes = signal<Note[]>([]);
let counter = 0;

const drop = (id: number): void => {
  notes.value = notes.value.filter((note) => note.id !== id);
};

/** Says what was done; what can be undone can be undone here for ten seconds. */
export function say(text: string, undo?: () => void): void {
  counter += 1;
  const id = counter;
  notes.value = [...notes.value, undo ? { id, text, undo } : { id, text }];
  setTimeout(() => drop(id), undo ? 10_000 : 4_000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notes.value.map(({ id, text, undo }) => (
        <div class="toast" key={id}>
          <span>{text}</span>
          {undo && <button type="button" class="button" onClick={() => { drop(id); undo(); }}>{t().undo}</button>}
        </div>
      ))}
    </div>
  );
}
