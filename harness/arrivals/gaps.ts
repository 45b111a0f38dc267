/** Source of gaps between arrivals, in units of cumulative rate; their mean is 1. */
export interface Gaps {
  /** From the start of the load to the first arrival. */
  first(): number;
  next(): number;
}
