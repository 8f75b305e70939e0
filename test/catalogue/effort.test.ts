import { describe, expect, test } from 'vitest';
import { effortFor } from '../../src/catalogue/effort.ts';
import { levelsOf } from '../../src/catalogue/models.ts';
import type { ReasoningEffort } from '../../src/contract/effort.ts';
import { REASONING_EFFORTS } from '../../src/contract/effort.ts';
import type { Wire } from '../../src/contract/route.ts';
import { providerAt, WIRES } from '../providers/models.ts';

const at = (wire: Wire, more: Record<string, unknown> = {}) => providerAt(wire, 'https://llm.example', more);

describe('effortFor', () => {
  const cases: [Wire, string, ReasoningEffort, ReasoningEffort | null, string][] = [
    ['responses', 'gpt-5.6-sol', 'max', 'max', 'sent'],
    ['responses', 'gpt-5.5-2026-04-23', 'max', 'xhigh', 'clamped'],
    ['responses', 'gpt-5.1', 'xhigh', 'high', 'clamped'],
    ['responses', 'gpt-5-mini', 'none', 'minimal', 'clamped'],
    ['responses', 'gpt-5.2-pro', 'low', 'medium', 'clamped'],
    ['responses', 'gpt-6.1-sol', 'none', 'low', 'clamped'],
    ['responses', 'gpt-6-sol', 'none', 'none', 'sent'],
    ['responses', 'gpt-5.2-chat-latest', 'high', null, 'omitted'],
    ['responses', 'o3', 'max', 'high', 'clamped'],
    ['messages', 'claude-sonnet-5-5', 'none', 'low', 'clamped'],
    ['messages', 'claude-sonnet-5', 'none', 'none', 'sent'],
    ['messages', 'claude-opus-4-6', 'xhigh', 'high', 'clamped'],
    ['messages', 'claude-opus-4-6', 'max', 'max', 'sent'],
    ['messages', 'claude-haiku-4-5-20251001', 'max', 'high', 'clamped'],
    ['messages', 'claude-3-5-haiku-latest', 'high', null, 'omitted'],
    ['chat', 'llama-4', 'medium', 'medium', 'sent'],
    ['chat', 'llama-4', 'max', 'high', 'clamped'],
    ['chat', 'llama-4', 'none', 'none', 'sent'],
    ['responses', 'gpt-5-pro-2025-10-06', 'low', 'high', 'clamped'],
    ['responses', 'gpt-5-codex', 'minimal', 'low', 'clamped'],
    ['responses', 'gpt-5.1-codex-max', 'max', 'xhigh', 'clamped'],
    ['responses', 'gpt-5.3-codex', 'none', 'low', 'clamped'],
  ];
  test.each(cases)('%s: %s asked for %s gets %s (%s)', (wire, model, requested, level, treatment) => {
    expect(effortFor(at(wire), model, requested)).toEqual({ level, treatment });
  });

  test('asks for nothing where nothing was requested', () => {
    expect(effortFor(at('chat'), 'llama-4', undefined)).toEqual({ level: null, treatment: 'not_requested' });
  });

  test('fails under the strict policy, naming the levels there are', () => {
    const strict = at('responses', { effort_policy: 'strict' });
    expect(() => effortFor(strict, 'gpt-5.1', 'max')).toThrow('expected one of none, low, medium, high');
    expect(() => effortFor(strict, 'gpt-4.1', 'max')).toThrow('takes no reasoning effort');
    expect(effortFor(strict, 'gpt-5.1', 'high')).toEqual({ level: 'high', treatment: 'sent' });
  });

  test('leaves the field out under the omit policy', () => {
    const omit = at('responses', { effort_policy: 'omit' });
    expect(effortFor(omit, 'gpt-5.1', 'max')).toEqual({ level: null, treatment: 'omitted' });
  });

  test('clamps each effort on each wire to a level the model takes, not upwards [B79]', () => {
    for (const wire of WIRES) {
      for (const model of ['gpt-5.2', 'claude-opus-4-8', 'anything']) {
        const levels = levelsOf(at(wire), model);
        for (const [rank, requested] of REASONING_EFFORTS.entries()) {
          const { level } = effortFor(at(wire), model, requested);
          const chosen = level === null ? -1 : REASONING_EFFORTS.indexOf(level);
          expect(levels).toContain(level);
          const below = levels.filter((known) => REASONING_EFFORTS.indexOf(known) <= rank);
          expect(chosen <= rank).toBe(below.length > 0);
        }
      }
    }
  });
});

describe('levelsOf', () => {
  test('prefers the exact name, then the longest prefix, of what the provider declares', () => {
    const efforts = { 'deep*': ['low'], 'deepseek-v5*': ['max', 'high'], 'deepseek-v5-lite': [] };
    const provider = at('chat', { efforts });
    expect(levelsOf(provider, 'deepseek-v5-pro')).toEqual(['high', 'max']);
    expect(levelsOf(provider, 'deepseek-v5-lite')).toEqual([]);
    expect(levelsOf(provider, 'deepthought')).toEqual(['low']);
  });

  test('lets a provider overrule what is known of a model', () => {
    expect(levelsOf(at('responses', { efforts: { 'gpt-*': ['high'] } }), 'gpt-5.6-sol')).toEqual(['high']);
  });

  test('never offers minimal where the wire has no word for it', () => {
    expect(levelsOf(at('messages', { efforts: { m: ['minimal', 'low'] } }), 'm')).toEqual(['low']);
  });
});
