import { roomOf, type Sources } from '../helpers/floor-plan.ts';
import { type FunctionMeasure, functionsOf } from './functions.ts';
import { isOnlyReexports, mutableFieldsOf, mutableStateOf, type Place } from './state.ts';
import { Source } from './syntax.ts';

/** The size of one room, in files and in lines. */
export type RoomMeasure = { room: string; files: number; lines: number; median: number; p90: number; longest: string };

/** What the rules of the house look at: sizes, and the places that break a rule. */
export type House = {
  rooms: RoomMeasure[];
  longFunctions: FunctionMeasure[];
  manyParameters: FunctionMeasure[];
  mutableFields: Place[];
  reexports: string[];
  mutableState: Place[];
};

const MAX_FUNCTION_LINES = 40;
const MAX_PARAMETERS = 4;

/** Measures the sources of the house. @throws SyntaxError if one does not parse. */
export function measureHouse(sources: Sources): House {
  const parsed = Object.entries(sources).map(([file, text]) => new Source(file, text));
  const functions = parsed.flatMap(functionsOf);
  return {
    rooms: roomsOf(sources),
    longFunctions: functions.filter(({ lines }) => lines > MAX_FUNCTION_LINES),
    manyParameters: functions.filter(({ parameters }) => parameters > MAX_PARAMETERS),
    mutableFields: parsed.flatMap(mutableFieldsOf),
    reexports: parsed.filter(isOnlyReexports).map(({ file }) => file),
    mutableState: mutableStateOf(parsed),
  };
}

/** The sizes of all rooms, in the order of their names, and of the whole. */
function roomsOf(sources: Sources): RoomMeasure[] {
  const files = Object.entries(sources).map(([file, text]) => ({ file, lines: text.trimEnd().split('\n').length }));
  const byRoom = Map.groupBy(files, ({ file }) => roomOf(file));
  const rooms = [...byRoom].toSorted(([a], [b]) => a.localeCompare(b));
  return [...rooms, ['all', files] as const].map(([room, inside]) => {
    const sorted = inside.toSorted((a, b) => a.lines - b.lines);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]?.lines ?? 0;
    const last = sorted.at(-1);
    return {
      room,
      files: sorted.length,
      lines: sorted.reduce((sum, { lines }) => sum + lines, 0),
      median: at(0.5),
      p90: at(0.9),
      longest: last ? `${last.file} (${last.lines})` : '',
    };
  });
}
