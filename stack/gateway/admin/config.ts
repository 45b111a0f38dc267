import { z } from 'zod';
import { addressSchema } from '../../service-config.ts';

/** Environment variable with the token of the admin API. */
export const ADMIN_TOKEN_VARIABLE = 'GATEWAY_ADMIN_TOKEN';

/**
 * `off`, or the address of the admin API's own listener, which needs the token in `GATEWAY_ADMIN_TOKEN`. An address beyond loopback is for
 * networks that only operators reach: the API speaks plain HTTP.
 */
export const adminConfigSchema = z
  .union([
    z.literal('off'),
    z.strictObject({
      listen: addressSchema.default('127.0.0.1:8081'),
    }),
  ])
  .default('off');
