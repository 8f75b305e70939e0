/** A producer of the tree in its first argument, with settings as JSON in the second. Answers each message by its number. */

import type { Question } from '../remote-producer.ts';
import { entryOf } from '../tree.ts';

const [tree = '', settings = '{}'] = process.argv.slice(2);
const library: typeof import('../../../src/entries/producer.ts') = await import(entryOf(tree, 'producer'));
const producer = library.createProducer({ settings: JSON.parse(settings) });

function answer(question: Question): Promise<unknown> {
  switch (question.call) {
    case 'enqueue':
      return producer.enqueue(question.input);
    case 'status':
      return producer.status(question.batchId);
    case 'settled':
      return producer.settled(question.batchId);
    case 'outcomes':
      return Array.fromAsync(producer.outcomes(question.batchId));
    case 'cancel':
      return producer.cancel(question.batchId, 'rolled');
  }
}

process.once('disconnect', () => process.exit());
process.on('message', ({ number, question }: { number: number; question: Question }) => {
  answer(question).then(
    (result) => process.send?.({ number, result }),
    (error) => process.send?.({ number, error: `${error.code ?? error.name}: ${error.message}` }),
  );
});
process.send?.('ready');
