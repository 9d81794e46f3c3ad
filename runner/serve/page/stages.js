/** Draws the graph of the model, and shows in it which stages run, have run, or have their results in the cache. */

import { draw, make } from "./dom.js";
import { layOut } from "./layout.js";
import { spellCount, spellDuration } from "./units.js";

const NARROW_PX = 860; // of the frame: less, and the layers lie below one another
const WIDE = { along: 96, across: 58, gapAlong: 18, gap: 22, lane: 10, pill: 46 };
const TALL = { along: 50, across: 104, gapAlong: 26, gap: 12, lane: 8, pill: 26 };
const DOTS = 12; // parts that are shown as a dot each
const ENDS = ["input.", "output."];

export class StageFigure {
  #graph;
  #frame;
  #detail;
  #table;
  #run = null;
  #groups = new Map();
  #wires = [];
  #chosen;
  #isTall = null;

  /**
   * @param {HTMLElement} frame holds the figure.
   * @param {HTMLElement} detail tells of the stage that is pointed at.
   * @param {HTMLElement} table shows the same without a figure.
   */
  constructor(graph, frame, detail, table) {
    [this.#graph, this.#frame, this.#detail, this.#table] = [graph, frame, detail, table];
    this.#chosen = graph.stages[0]?.name;
    new ResizeObserver(() => this.#fit()).observe(frame);
    this.#fit();
  }

  /** Show the stages of a run, and follow it. */
  show(run) {
    this.#run = run;
    this.update();
  }

  /** Show what the stages have done. */
  update() {
    const all = new Map(this.#graph.stages.map((stage) => [stage.name, this.#summarise(stage.name)]));
    const seconds = [...all.values()].reduce((sum, one) => sum + one.seconds, 0);
    for (const [name, one] of all) this.#paint(name, one, seconds ? one.seconds / seconds : 0);
    this.#table.replaceChildren(makeStageTable(this.#graph.stages.map((stage) => stage.name), this.#run?.stages ?? new Map()));
  }

  #summarise(name) {
    const told = this.#run?.stages.get(name) ?? [];
    const count = (status) => told.filter((one) => one.status === status).length;
    const [running, ran, hits] = [count("running"), count("run"), count("hit")];
    const state = running ? "running" : ran ? "run" : hits ? "hit" : "idle";
    const seconds = told.reduce((sum, one) => sum + (one.seconds || 0), 0);
    const label = running ? "running" : ran ? spellDuration(seconds) : hits ? "cached" : "";
    return { told, state, seconds, label, ran, hits };
  }

  #paint(name, one, share) {
    const { group, label, dots, bar, length } = this.#groups.get(name);
    group.dataset.state = one.state;
    label.textContent = one.label;
    bar.setAttribute("width", Math.max(one.seconds ? 2 : 0, share * length));
    const shown = one.told.length > 1 ? one.told.slice(-DOTS) : [];
    dots.replaceChildren(...shown.map((part, index) => draw(`circle.${part.status}`, { cx: index * 6, cy: 0, r: 2 })));
    group.setAttribute("aria-label", `${name} ${one.label}: ${describe(one)}`);
  }

  #fit() {
    const isTall = this.#frame.clientWidth < NARROW_PX;
    if (isTall === this.#isTall || !this.#frame.clientWidth) return;
    this.#isTall = isTall;
    this.#draw(isTall ? TALL : WIDE);
    this.update();
  }

  #draw(size) {
    const { nodes, wires } = readGraph(this.#graph, size, this.#isTall);
    const { layers, boxes, lines } = layOut(nodes, wires, size);
    const step = size.along + size.gapAlong;
    const across = Math.max(...[...boxes.values()].map((box) => box.at + box.across));
    const [width, height] = this.#isTall ? [across, layers * step - size.gapAlong] : [layers * step - size.gapAlong, across];
    const place = (box) => [box.layer * step, box.at];
    this.#wires = lines.map((line, index) => {
      const path = draw("path.wire", { d: this.#trace(line, size, step) });
      return { path, ends: wires[index] };
    });
    const figures = [...boxes].map(([name, box]) => this.#drawBox(name, place(box), box, size));
    const figure = draw("svg.graph", { viewBox: `-3 -3 ${width + 6} ${height + 6}`, role: "group", "aria-label": `Stages of ${this.#graph.name}` },
      ...this.#wires.map(({ path }) => path), ...figures);
    figure.style.maxWidth = `${(width + 6) * 1.15}px`;
    figure.addEventListener("keydown", (event) => this.#move(event));
    this.#frame.replaceChildren(figure);
  }

  #trace(line, size, step) {
    const ends = line.map((box) => [box.layer * step, box.at + box.across / 2]);
    let path = "";
    for (let index = 1; index < ends.length; index += 1) {
      const [along, at] = [ends[index - 1][0] + size.along, ends[index - 1][1]];
      const [next, to] = ends[index];
      const half = (along + next) / 2;
      const points = [[along, at], [half, at], [half, to], [next, to], [next + size.along, to]];
      const [start, one, two, end, over] = points.map(([x, y]) => (this.#isTall ? `${y} ${x}` : `${x} ${y}`));
      path += `${index === 1 ? `M${start}` : ""}C${one} ${two} ${end}`;
      if (index < ends.length - 1) path += `L${over}`;
    }
    return path;
  }

  #drawBox(name, [along, at], box, size) {
    const [x, y] = this.#isTall ? [at, along] : [along, at];
    const [width, height] = this.#isTall ? [box.across, size.along] : [size.along, box.across];
    if (ENDS.some((end) => name.startsWith(end))) return drawEnd(name, x, y, width, height, this.#isTall);
    const stage = this.#graph.stages.find((one) => one.name === name);
    const label = draw("text.time", { x: width / 2, y: height / 2 + 12 });
    const dots = draw("g.dots", { transform: `translate(${10} ${8})` });
    const bar = draw("rect.share", { x: 8, y: height - 6, height: 3, rx: 1.5, width: 0 });
    const group = draw(`g.stage.${stage.kind}`, {
      transform: `translate(${x} ${y})`, tabindex: name === this.#chosen ? 0 : -1, role: "button", "data-stage": name,
      onclick: () => this.#choose(name), onfocus: () => this.#choose(name), onpointerenter: () => this.#tell(name),
    },
      draw("rect.box", { width, height, rx: stage.kind === "python" ? height / 4.5 : 4 }),
      draw("text.name", { x: width / 2, y: height / 2 - 3 }, name), " ", label, dots, bar);
    this.#groups.set(name, { group, label, dots, bar, length: width - 16 });
    return group;
  }

  #choose(name) {
    this.#chosen = name;
    for (const [other, { group }] of this.#groups) group.setAttribute("tabindex", other === name ? 0 : -1);
    this.#tell(name);
  }

  #tell(name) {
    const stage = this.#graph.stages.find((one) => one.name === name);
    for (const { path, ends } of this.#wires) path.classList.toggle("near", ends.includes(name));
    const takes = stage.inputs.map((input) => input.setting ? `${input.port} = ${input.from.replace("params.", "")}` : input.from);
    const gives = stage.outputs.map((output) => `${output.port} ${output.type}`);
    const kind = stage.kind === "python" ? "written in Python" : "compiled";
    this.#detail.textContent = `${name}: ${kind}, on ${stage.device}; ${describe(this.#summarise(name))}. Takes ${takes.join(", ")}. Gives ${gives.join(", ")}.`;
  }

  #move(event) {
    const names = this.#graph.stages.map((stage) => stage.name);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? names.length - 1 : names.indexOf(this.#chosen) + (step ?? NaN);
    if (!names[to]) return;
    event.preventDefault();
    this.#groups.get(names[to]).group.focus();
  }
}

function describe({ state, told, seconds, ran, hits }) {
  if (state === "idle") return "has not run";
  if (state === "running") return "is running";
  if (!ran) return told.length > 1 ? `${hits} times from the cache` : "from the cache";
  const rest = hits ? `, ${hits} more from the cache` : "";
  return `ran ${spellCount(ran, "time")}, ${spellDuration(seconds)}${rest}`;
}

function readGraph(graph, size, isTall) {
  const nodes = new Map();
  const wires = new Map();
  const pill = { across: isTall ? 76 : size.pill };
  const add = (from, to) => wires.set(`${from} ${to}`, [from, to]);
  for (const name of graph.inputs) nodes.set(name, pill);
  for (const stage of graph.stages) nodes.set(stage.name, { across: size.across });
  for (const name of Object.keys(graph.outputs)) nodes.set(`output.${name}`, pill);
  for (const stage of graph.stages) {
    for (const input of stage.inputs.filter((one) => !one.setting)) {
      const [source] = input.from.split(".");
      add(source === "input" ? input.from : source, stage.name);
    }
  }
  for (const [name, from] of Object.entries(graph.outputs)) add(from.split(".")[0], `output.${name}`);
  return { nodes, wires: [...wires.values()] };
}

function drawEnd(name, x, y, width, height, isTall) {
  const wide = isTall ? width : Math.min(width, 62);
  const tall = 26;
  const isInput = name.startsWith("input.");
  const left = isInput && !isTall ? width - wide : 0;
  const top = isTall ? (isInput ? height - tall : 0) : (height - tall) / 2;
  return draw("g.end", { transform: `translate(${x + left} ${y + top})` },
    draw("rect", { width: wide, height: tall, rx: 13 }),
    draw("text", { x: wide / 2, y: 17 }, name.split(".")[1]));
}

/**
 * Make a table of what stages did.
 *
 * @param {string[]} names in the order of the graph.
 * @param {Map<string, Array<{status: string, seconds: number}>>} stages
 */
export function makeStageTable(names, stages) {
  const rows = names.map((name) => {
    const told = stages.get(name) ?? [];
    const ran = told.filter((one) => one.status === "run");
    const seconds = ran.reduce((sum, one) => sum + one.seconds, 0);
    const hits = told.filter((one) => one.status === "hit").length;
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(ran.length)), make("td", {}, String(hits)),
      make("td", {}, ran.length ? spellDuration(seconds) : "–"));
  });
  const heads = ["Stage", "Ran", "From the cache", "Time"].map((head) => make("th", { scope: "col" }, head));
  return make("table.stages", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}
