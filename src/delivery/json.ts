/**
 * A row as one line of JSON. What a double may not hold is text: decimals as the exchange wrote them, whole numbers of 64
 * bits, times as ISO 8601 with nanoseconds. So a field has the same type in every row, or is null.
 */
import { type Field, fieldsOf } from './fields.js';
import { type Place, placeTexts } from './place.js';
import type { RecordView } from './record_view.js';

interface Part {
  readonly key: string;
  readonly text: Field['text'];
  readonly bare: boolean;
}

/** What of a line is the same for all rows of a place. */
interface Form {
  readonly head: string;
  readonly parts: readonly Part[];
}

const forms = new WeakMap<Place, Form>();

function formOf(place: Place): Form {
  let form = forms.get(place);
  if (form === undefined) forms.set(place, (form = derive(place)));
  return form;
}

function derive(place: Place): Form {
  const { exchange, table } = place;
  const names = JSON.stringify(placeTexts(place));
  return {
    head: `${names.slice(0, -1)},"row":`,
    parts: fieldsOf(table)
      .filter((field) => field.isIn(exchange))
      .map(({ name, kind, text }) => ({ key: `,${JSON.stringify(name)}:`, text, bare: kind === 'u32' })),
  };
}

/** The row as a JSON object, without an end of line. */
export function jsonOf(view: RecordView): string {
  const { head, parts } = formOf(view.place);
  let json = head + view.row;
  // texts that fitted no column are the only ones that may hold what JSON has to escape
  const escapes = view.texts !== undefined;
  for (const { key, text, bare } of parts) {
    const value = text(view);
    json += key;
    if (value === null) json += 'null';
    else json += bare ? value : escapes ? JSON.stringify(value) : `"${value}"`;
  }
  return `${json}}`;
}
