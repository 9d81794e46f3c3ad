/**
 * Places the stages of a graph in layers, so that no two boxes overlap.
 *
 *   layer    length of the longest path from an input
 *   order    within a layer by the mean position of the neighbours, swept back and forth
 *   place    as near to the neighbours as the order allows; a wire that crosses a layer has a lane of its own there
 *
 * Source: Sugiyama, Tagawa and Toda, Visual understanding of hierarchical system structures (IEEE SMC 11, 1981).
 */

const SWEEPS = 16;

/**
 * Place the nodes of a graph.
 *
 * @param {Map<string, {across: number}>} nodes name -> size across the layers, in the order of the graph.
 * @param {Array<[string, string]>} wires pairs of names.
 * @param {{gap: number, lane: number}} spaces between neighbours of a layer, and of a wire that passes.
 * @returns {{layers: number, boxes: Map<string, {layer: number, at: number, across: number}>, lines: Array<Array<object>>}}
 *   `at` is where a box begins across the layers, from 0; a line is the boxes and lanes that a wire visits.
 */
export function layOut(nodes, wires, spaces) {
  const layers = findLayers(nodes, wires);
  const boxes = new Map([...nodes].map(([name, { across }]) => [name, makeBox(layers.get(name), across)]));
  const every = [...boxes.values()];
  const lines = wires.map(([from, to]) => {
    const [first, last] = [boxes.get(from), boxes.get(to)];
    const lanes = Array.from({ length: last.layer - first.layer - 1 }, (_, index) => makeBox(first.layer + 1 + index, spaces.lane));
    const line = [first, ...lanes, last];
    for (let index = 1; index < line.length; index += 1) {
      line[index - 1].after.push(line[index]);
      line[index].before.push(line[index - 1]);
    }
    every.push(...lanes);
    return line;
  });
  place(every, spaces.gap);
  const least = Math.min(...every.map((box) => box.at));
  for (const box of every) box.at -= least;
  return { layers: 1 + Math.max(...every.map((box) => box.layer)), boxes, lines };
}

function makeBox(layer, across) {
  return { layer, across, at: 0, before: [], after: [] };
}

function findLayers(nodes, wires) {
  const layers = new Map([...nodes.keys()].map((name) => [name, 0]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [from, to] of wires) {
      if (layers.get(to) <= layers.get(from)) {
        layers.set(to, layers.get(from) + 1);
        changed = true;
      }
    }
  }
  for (const name of layers.keys()) {
    const after = wires.filter(([from]) => from === name).map(([, to]) => layers.get(to));
    const isSource = !wires.some(([, to]) => to === name);
    if (isSource && after.length) layers.set(name, Math.min(...after) - 1);
  }
  return layers;
}

function place(boxes, gap) {
  const columns = [];
  for (const box of boxes) (columns[box.layer] ??= []).push(box);
  for (const column of columns) stack(column, gap);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    for (const column of forward ? columns : [...columns].reverse()) {
      for (const box of column) {
        const [near, far] = forward ? [box.before, box.after] : [box.after, box.before];
        const beside = near.length ? near : far;
        if (beside.length) box.at = beside.reduce((sum, other) => sum + middle(other), 0) / beside.length - box.across / 2;
      }
      if (sweep < SWEEPS - 4) column.sort((one, other) => middle(one) - middle(other)); // the last sweeps keep the order
      separate(column, gap);
    }
  }
}

function middle(box) {
  return box.at + box.across / 2;
}

function stack(column, gap) {
  let at = 0;
  for (const box of column) {
    box.at = at;
    at += box.across + gap;
  }
}

/** Push overlapping boxes apart, and keep the mean position of the column. */
function separate(column, gap) {
  const wanted = column.map((box) => box.at);
  for (let index = 1; index < column.length; index += 1) {
    const above = column[index - 1];
    column[index].at = Math.max(column[index].at, above.at + above.across + gap);
  }
  const moved = column.reduce((sum, box, index) => sum + box.at - wanted[index], 0) / column.length;
  for (const box of column) box.at -= moved;
}
