import { createHash } from 'node:crypto';
import { Counter, Registry } from 'prom-client';
import { computedGauge } from '../observability/computed-gauge.ts';
import type { InferenceConfig } from './config.ts';
import type { Engine } from './engine/engine.ts';
import type { Gpu } from './engine/gpu.ts';
import { profiles } from './engine/profiles.ts';

/** Sources of the metrics of a replica. */
export interface MetricSources {
  readonly config: InferenceConfig;
  readonly engine: Engine;
  readonly gpu: Gpu;
  /** Fraction of the weights loaded into GPU memory, 0–1. */
  readonly loadedRatio: () => number;
  readonly nowMs: () => number;
}

/**
 * Registry with the metrics of NVIDIA's dcgm-exporter for one board. Memory in use is weights + runtime + allocated KV blocks,
 * whereas a real vLLM reserves the whole KV pool at startup, so its reading is nearly constant.
 */
export function gpuMetrics({ config, engine, gpu, loadedRatio, nowMs }: MetricSources): Registry {
  const registry = new Registry();
  const profile = profiles[config.profile];
  const uuid = createHash('sha256').update(config.name).digest('hex');
  registry.setDefaultLabels({
    gpu: '0',
    UUID: `GPU-${uuid.slice(0, 8)}-${uuid.slice(8, 12)}-${uuid.slice(12, 16)}-${uuid.slice(16, 20)}-${uuid.slice(20, 32)}`,
    device: 'nvidia0',
    modelName: profile.gpuName,
    Hostname: config.name,
  });
  const gauge = (name: string, help: string, read: () => number) =>
    computedGauge(registry, `DCGM_FI_${name}`, help, read);
  const usedMiB = () => {
    const kvTokens = engine.kv.usedBlocks * engine.kv.blockTokens;
    const weightsBytes = profile.weightsBytes * loadedRatio();
    return (profile.runtimeBytes + weightsBytes + kvTokens * profile.kvBytesPerToken) / 2 ** 20;
  };
  const sensors = () => gpu.read(nowMs());
  gauge('DEV_GPU_UTIL', 'GPU utilization (in %)', () => Math.round(sensors().busyRatio * 100));
  gauge('DEV_MEM_COPY_UTIL', 'Memory utilization (in %)', () => Math.round(sensors().memoryRatio * 100));
  gauge('DEV_FB_USED', 'Framebuffer memory used (in MiB)', () => Math.round(usedMiB()));
  gauge('DEV_FB_FREE', 'Framebuffer memory free (in MiB)', () =>
    Math.max(0, Math.round(profile.gpuMemoryBytes / 2 ** 20 - usedMiB())),
  );
  gauge('DEV_GPU_TEMP', 'GPU temperature (in C)', () => Math.round(sensors().celsius));
  gauge('DEV_POWER_USAGE', 'Power draw (in W)', () => sensors().watts);
  gauge('DEV_SM_CLOCK', 'SM clock frequency (in MHz)', () => sensors().smClockMHz);
  gauge('DEV_XID_ERRORS', 'Value of the last XID error encountered', () => 0);
  gauge('PROF_GR_ENGINE_ACTIVE', 'Ratio of time the graphics engine is active', () => sensors().busyRatio);
  gauge('PROF_DRAM_ACTIVE', 'Ratio of cycles the device memory interface is active', () => sensors().memoryRatio);
  let reported = 0;
  new Counter({
    name: 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION',
    help: 'Total energy consumption since boot (in mJ)',
    registers: [registry],
    collect() {
      const { energyMillijoules } = sensors();
      this.inc(energyMillijoules - reported);
      reported = energyMillijoules;
    },
  });
  return registry;
}
