/** A chosen file as the desk takes it: a plain name, base64, and never larger than a request may be. */
import { Problem } from "../api/http";
import { formatNumber } from "../format";
import { locale, t } from "../i18n/language";

export const MAX_FILE_BYTES = 1_000_000;
const LONGEST_EDGE = 1_600;

/** Letters, digits, dot, dash and underscore; a name that is taken gets a number. */
export function plainName(name: string, taken: readonly string[]): string {
  const at = name.lastIndexOf(".");
  const clean = (text: string): string => text.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  const ending = at > 0 ? clean(name.slice(at + 1)).slice(0, 8).toLowerCase() : "";
  const stem = clean(at > 0 ? name.slice(0, at) : name).slice(0, 60) || "file";
  for (let count = 1; ; count += 1) {
    const found = `${stem}${count === 1 ? "" : `-${count}`}${ending === "" ? "" : `.${ending}`}`;
    if (!taken.includes(found)) return found;
  }
}

/** A photo straight from a phone is larger than it need be. */
async function shrink(file: File): Promise<Blob> {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_EDGE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", 0.85));
}

function base64(file: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => failed(new Problem({ type: "urn:maplebridge:problem:unreadable", title: t().file_unreadable, status: 422 }));
    reader.readAsDataURL(file);
  });
}

/** Throws a Problem where the file is too large or cannot be read. */
export async function evidenceOf(file: File, taken: readonly string[]): Promise<{ name: string; content: string; media_type: string }> {
  let content: Blob = file;
  let { name } = file;
  if (file.size > MAX_FILE_BYTES && file.type.startsWith("image/")) {
    content = await shrink(file).catch(() => file);
    if (content !== file) name = `${name.replace(/\.[^.]*$/, "")}.jpg`;
  }
  if (content.size > MAX_FILE_BYTES) {
    const size = (bytes: number): string => `${formatNumber(bytes / 1_000_000, "", locale())} MB`;
    throw new Problem({ type: "urn:maplebridge:problem:too-large", title: t().file_too_large(size(content.size), size(MAX_FILE_BYTES)), status: 422 });
  }
  const media_type = /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(content.type) ? content.type : "application/octet-stream";
  return { name: plainName(name, taken), content: await base64(content), media_type };
}
