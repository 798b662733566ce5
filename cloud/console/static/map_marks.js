// What a marker looks like. Grey-blue is normal; only what is not normal has colour, and a shape of its own.
export const INK = "#1d2730";
const CALM = "#54708a", QUIET = "#7d868e", FRESH = "#2f6db5";
const ALARM = { 1: "#4a6fa5", 2: "#b8860b", 3: "#d9580d", 4: "#c0182b" };
const STATES = ["online", "stale", "offline"];

function shape(ctx, severity, r) {
  ctx.beginPath();
  if (severity === 4) [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]].forEach(([x, y]) => ctx.lineTo(x * r, y * r));
  else if (severity === 3) [[0, -1.35], [1.3, 0.95], [-1.3, 0.95]].forEach(([x, y]) => ctx.lineTo(x * r, y * r));
  else if (severity === 2) ctx.rect(-r, -r, 2 * r, 2 * r);
  else ctx.arc(0, 0, r, 0, 2 * Math.PI);
  ctx.closePath();
}

// A canvas of its own, `half` pixels from its middle to its edge; drawn many times.
export function paintMark(r, icon, { state, severity, unacknowledged, discovered }) {
  const dpr = window.devicePixelRatio || 1, half = Math.ceil(r * 2 + 5), canvas = document.createElement("canvas");
  canvas.width = canvas.height = half * 2 * dpr;
  canvas.half = half;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(dpr, 0, 0, dpr, half * dpr, half * dpr);
  const body = severity ? Math.max(r, 4) : r, stroke = Math.max(1, r / 5);
  const colour = ALARM[severity] || (discovered ? FRESH : state === 0 ? CALM : QUIET);
  const filled = severity ? unacknowledged : state === 0 && !discovered;
  if (severity && unacknowledged) {
    shape(ctx, severity, body + stroke + 2.5);
    Object.assign(ctx, { fillStyle: colour, globalAlpha: 0.28 });
    ctx.fill();
    ctx.globalAlpha = 1;
  }
  shape(ctx, severity, body);
  Object.assign(ctx, { fillStyle: filled ? colour : "#ffffff", strokeStyle: filled ? "#ffffff" : colour, lineWidth: filled ? 1 : stroke + 0.4 });
  if (STATES[state] === "stale" && !severity) ctx.setLineDash([2.5, 2]);
  ctx.fill();
  ctx.stroke();
  ctx.setLineDash([]);
  if (icon) {
    Object.assign(ctx, { font: `${Math.round(r * 1.35)}px "Material Icons"`, textAlign: "center", textBaseline: "middle", fillStyle: filled ? "#ffffff" : colour });
    ctx.fillText(icon, 0, severity === 3 ? r * 0.3 : 0.5);
  }
  if (STATES[state] === "offline") {
    Object.assign(ctx, { strokeStyle: severity ? INK : QUIET, lineWidth: stroke + 0.4 });
    ctx.beginPath();
    ctx.moveTo(-r * 0.75, r * 0.75);
    ctx.lineTo(r * 0.75, -r * 0.75);
    ctx.stroke();
  }
  return canvas;
}
