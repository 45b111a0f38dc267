/** The gaps between arrivals in cumulated rate; their mean is 1. */
export interface Gaps {
  /** From the beginning to the first arrival. */
  first(): number;
  next(): number;
}
