/** A message whose way from bytes to rows in the ring is measured; those of an exchange are in its file of cases/. */

export interface Case {
  readonly name: string;
  readonly symbol: string;
  /** of a connection that carries these alone */
  readonly channels?: readonly string[];
  /** what has to come first, e.g. the snapshot that a change belongs to */
  readonly before?: string;
  /** what the REST interface answers to what this makes the parser ask */
  readonly answer?: string;
  /** each `#` stands for an id that grows, `%` for the one before */
  readonly message: string;
}
