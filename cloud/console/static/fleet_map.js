// The map: communes, coast and thousands of devices on one canvas. No tiles, no request outside this host.
import { INK, paintMark } from "/console/static/map_marks.js";

const OUTSIDE = "#d9dfe4", SEA = "#e2e9ef", NEIGHBOUR = "#edefef", LAND = "#fcfcfa", BORDER = "#cdd3d8";
const OUTLINE = "#93a0aa", COAST = "#b4bec7", NAME = "#7c8790";
const CROWD = 2000;
const MIN_SCALE = 250, MAX_SCALE = 400000; // pixels a degree

const mercator = (latitude) => (-180 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360));

function pathOf(geometries) {
  const path = new Path2D();
  const line = (points, close) => {
    points.forEach(([x, y], i) => (i ? path.lineTo(x, mercator(y)) : path.moveTo(x, mercator(y))));
    if (close) path.closePath();
  };
  for (const { type, coordinates } of geometries) {
    if (type === "Polygon") coordinates.forEach((ring) => line(ring, true));
    if (type === "MultiPolygon") coordinates.flat().forEach((ring) => line(ring, true));
    if (type === "LineString") line(coordinates, false);
    if (type === "MultiLineString") coordinates.forEach((part) => line(part, false));
  }
  return path;
}

export default {
  template: `
    <div class="fleet-map" tabindex="0" role="application" :aria-label="texts.map" @keydown="onKey"
         :data-loaded="loaded" :data-drawn="drawn">
      <canvas ref="canvas"></canvas>
      <div class="map-buttons">
        <button type="button" :title="texts.zoom_in" :aria-label="texts.zoom_in" @click="zoom(1.6)">+</button>
        <button type="button" :title="texts.zoom_out" :aria-label="texts.zoom_out" @click="zoom(1 / 1.6)">−</button>
        <button type="button" class="wide" @click="fit(home)">{{ texts.home }}</button>
        <button type="button" class="wide" @click="fit(province)">{{ texts.whole_province }}</button>
      </div>
      <div class="map-legend">
        <span v-for="item in legend"><i class="swatch" :class="'swatch-' + item.look"></i>{{ item.text }}</span>
      </div>
      <div class="map-source">{{ texts.map_source }}</div>
      <div v-if="hover" class="map-tip" :style="{ left: hover.x + 'px', top: hover.y + 'px' }" :class="hover.side">
        <b>{{ hover.name }}</b>
        <template v-if="tip && tip.id === hover.id"><span v-for="line in tip.lines">{{ line }}</span></template>
      </div>
    </div>`,
  props: {
    texts: Object, legend: Array, icons: Object, home: Array, province: Array, base: String, markersUrl: String,
    changes: Object, hidden: Array, selected: String, tip: Object,
  },
  emits: ["select", "hover"],
  data: () => ({ hover: null, loaded: 0, drawn: 0 }),
  created() {
    Object.assign(this, { markers: [], byId: new Map(), sprites: new Map(), land: null, names: [], pending: false });
    Object.assign(this, { view: { x: 0, y: 0, scale: 4000 }, size: [1, 1], sequence: 0, drag: null });
    Object.assign(this, { layer: document.createElement("canvas"), layerView: null, moving: 0, radius: 4, visible: [] });
  },
  async mounted() {
    this.ctx = this.$refs.canvas.getContext("2d");
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.$el);
    this.resize();
    this.fit(this.home);
    this.listen();
    document.fonts.load('16px "Material Icons"', "lightbulb").then(() => this.clearSprites());
    await Promise.all([this.loadBase(), this.loadMarkers()]);
  },
  beforeUnmount() {
    this.resizing.disconnect();
  },
  watch: {
    changes(changes) {
      this.apply(changes);
    },
    hidden() {
      this.redraw();
    },
    selected(id) {
      this.reveal(id);
      this.redraw();
    },
  },
  methods: {
    async loadBase() {
      const read = (name) => fetch(`${this.base}/${name}.geojson`).then((response) => response.json());
      const [communes, outline, coast] = await Promise.all(["communes", "outline", "coast"].map(read));
      const paths = ({ features }) => pathOf(features.map((feature) => feature.geometry));
      const role = (wanted) => pathOf(coast.features.filter((f) => f.properties.role === wanted).map((f) => f.geometry));
      this.land = { communes: paths(communes), outline: paths(outline), sea: role("sea"), land: role("land"), coast: role("coast") };
      this.names = communes.features.map(({ properties: p }) => ({ text: p.name, x: p.label_lon, y: mercator(p.label_lat), area: p.area_km2 }));
      this.names.sort((a, b) => b.area - a.area);
      this.redraw();
    },
    async loadMarkers() {
      const response = await fetch(this.markersUrl, { cache: "no-store" });
      if (!response.ok) return; // signed out: the server sends the page to the log-in
      const { markers } = await response.json();
      this.markers = markers.map(([id, lon, lat, state, severity, unacknowledged, discovered, kind, name]) => (
        { id, x: lon, y: mercator(lat), state, severity, unacknowledged, discovered, kind, name }
      ));
      this.byId = new Map(this.markers.map((marker) => [marker.id, marker]));
      this.loaded = this.markers.length;
      this.redraw();
    },
    apply({ sequence, reset, rows }) {
      // Every change is an absolute state; a gap in the sequence or a new device is healed by loading all again.
      const gap = this.sequence && sequence !== this.sequence + 1;
      this.sequence = sequence;
      for (const [id, lon, lat, state, severity, unacknowledged, discovered] of rows) {
        const marker = this.byId.get(id);
        if (marker) Object.assign(marker, { x: lon, y: mercator(lat), state, severity, unacknowledged, discovered });
      }
      if (reset || gap) this.loadMarkers();
      else if (rows.length) this.redraw();
    },
    resize() {
      const { clientWidth: w, clientHeight: h } = this.$el, dpr = window.devicePixelRatio || 1;
      if (!w || !h) return;
      const first = this.size[0] === 1;
      this.size = [w, h];
      this.layer.width = this.$refs.canvas.width = w * dpr;
      this.layer.height = this.$refs.canvas.height = h * dpr;
      if (first) this.fit(this.home);
      this.clearSprites();
    },
    clearSprites() {
      this.sprites.clear();
      this.redraw();
    },
    fit([west, south, east, north]) {
      const [w, h] = this.size, top = mercator(north), bottom = mercator(south);
      this.view = { x: (west + east) / 2, y: (top + bottom) / 2, scale: Math.min(w / (east - west), h / (bottom - top)) };
      this.redraw();
    },
    zoom(factor, px = this.size[0] / 2, py = this.size[1] / 2) {
      const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, this.view.scale * factor));
      const dx = (px - this.size[0] / 2) * (1 / this.view.scale - 1 / scale);
      const dy = (py - this.size[1] / 2) * (1 / this.view.scale - 1 / scale);
      this.view = { x: this.view.x + dx, y: this.view.y + dy, scale };
      this.move();
    },
    pan(dx, dy) {
      this.view = { ...this.view, x: this.view.x - dx / this.view.scale, y: this.view.y - dy / this.view.scale };
      this.move();
    },
    move() {
      // While a crowd moves, its last picture moves along; it is painted anew when the hand rests.
      clearTimeout(this.moving);
      this.moving = setTimeout(() => {
        this.moving = 0;
        this.redraw();
      }, 120);
      this.redraw();
    },
    reveal(id) {
      const marker = this.byId.get(id);
      if (!marker) return;
      const [x, y] = this.onScreen(marker);
      if (x < 30 || y < 30 || x > this.size[0] - 30 || y > this.size[1] - 60) {
        this.view = { x: marker.x, y: marker.y, scale: Math.max(this.view.scale, 12000) };
      }
    },
    onScreen({ x, y }) {
      return [(x - this.view.x) * this.view.scale + this.size[0] / 2, (y - this.view.y) * this.view.scale + this.size[1] / 2];
    },
    positionOf(id) {
      const marker = this.byId.get(id), box = this.$refs.canvas.getBoundingClientRect();
      if (!marker) return null;
      const [x, y] = this.onScreen(marker);
      return [x + box.left, y + box.top];
    },
    redraw() {
      if (this.pending) return;
      this.pending = true;
      requestAnimationFrame(() => {
        this.pending = false;
        if (this.ctx) this.draw();
      });
    },
    draw() {
      const ctx = this.ctx, [w, h] = this.size, dpr = window.devicePixelRatio || 1, { x, y, scale } = this.view;
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      ctx.fillStyle = OUTSIDE;
      ctx.fillRect(0, 0, w, h);
      if (this.land) {
        const s = scale * dpr;
        ctx.setTransform(s, 0, 0, s, (w / 2) * dpr - x * s, (h / 2) * dpr - y * s);
        const line = (path, colour, width) => Object.assign(ctx, { strokeStyle: colour, lineWidth: width / scale }) && ctx.stroke(path);
        const area = (path, colour) => Object.assign(ctx, { fillStyle: colour }) && ctx.fill(path);
        area(this.land.sea, SEA);
        area(this.land.land, NEIGHBOUR);
        area(this.land.communes, LAND);
        line(this.land.coast, COAST, 1);
        line(this.land.communes, BORDER, 1);
        line(this.land.outline, OUTLINE, 1.4);
        ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
        this.drawNames(ctx);
      }
      if (!this.moving || this.drawn < CROWD || !this.layerView) this.paintMarkers();
      const at = this.layerView, zoom = scale / at.scale;
      const left = (at.x - x) * scale + (w / 2) * (1 - zoom), top = (at.y - y) * scale + (h / 2) * (1 - zoom);
      ctx.drawImage(this.layer, left, top, w * zoom, h * zoom);
    },
    drawNames(ctx) {
      Object.assign(ctx, { font: "500 12px Roboto, sans-serif", textAlign: "center", textBaseline: "middle", fillStyle: NAME });
      Object.assign(ctx, { strokeStyle: LAND, lineWidth: 3, lineJoin: "round" });
      const taken = [];
      for (const name of this.names) {
        const [x, y] = this.onScreen(name), half = name.text.length * 3.6 + 8;
        if (x < 0 || y < 0 || x > this.size[0] || y > this.size[1]) continue;
        if (taken.some(([tx, ty, t]) => Math.abs(tx - x) < t + half && Math.abs(ty - y) < 18)) continue;
        taken.push([x, y, half]);
        ctx.strokeText(name.text, x, y);
        ctx.fillText(name.text, x, y);
      }
    },
    paintMarkers() {
      const hidden = new Set(this.hidden), seen = [], [w, h] = this.size, dpr = window.devicePixelRatio || 1;
      const ctx = this.layer.getContext("2d");
      this.layerView = this.view;
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      ctx.clearRect(0, 0, w, h);
      for (const marker of this.markers) {
        const [x, y] = this.onScreen(marker);
        if (x < -20 || y < -20 || x > w + 20 || y > h + 20 || hidden.has(marker.kind)) continue;
        marker.px = x;
        marker.py = y;
        seen.push(marker);
      }
      const crowd = seen.length > 3000 ? 3 : seen.length > 800 ? 4.5 : seen.length > 250 ? 6.5 : 10;
      this.radius = Math.max(2.5, Math.min(crowd, 2 + Math.log2(this.view.scale / 300) * 1.6));
      seen.sort((a, b) => a.severity - b.severity || b.state - a.state);
      const cell = this.radius / 3, taken = new Set();
      for (const marker of seen) {
        const spot = (Math.round(marker.px / cell) * 20000 + Math.round(marker.py / cell)) * 4 + marker.state;
        if (seen.length > CROWD && !marker.severity && !marker.discovered) {
          if (taken.has(spot)) continue; // its like is there already
          taken.add(spot);
        }
        const sprite = this.sprite(marker);
        ctx.drawImage(sprite, marker.px - sprite.half, marker.py - sprite.half, sprite.half * 2, sprite.half * 2);
      }
      const chosen = this.byId.get(this.selected);
      if (chosen) {
        const [x, y] = this.onScreen(chosen);
        Object.assign(ctx, { strokeStyle: INK, lineWidth: 2.5 });
        ctx.beginPath();
        ctx.arc(x, y, this.radius + 6, 0, 2 * Math.PI);
        ctx.stroke();
      }
      this.visible = seen;
      this.drawn = seen.length;
    },
    sprite(marker) {
      const r = Math.round(this.radius * 2) / 2, icon = r >= 8 ? this.icons[marker.kind] || "" : "";
      const look = ((marker.state * 8 + marker.severity) * 2 + marker.unacknowledged) * 2 + marker.discovered;
      const key = icon ? icon + r * 1000 + look : r * 1000 + look;
      let sprite = this.sprites.get(key);
      if (!sprite) this.sprites.set(key, (sprite = paintMark(r, icon, marker)));
      return sprite;
    },
    nearest(px, py) {
      let best = null, least = (this.radius + 5) ** 2;
      for (const marker of this.visible) {
        const distance = (marker.px - px) ** 2 + (marker.py - py) ** 2;
        if (distance <= least) [best, least] = [marker, distance];
      }
      return best;
    },
    listen() {
      const canvas = this.$refs.canvas;
      canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) / 300), event.offsetX, event.offsetY);
      }, { passive: false });
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        this.drag = { x: event.offsetX, y: event.offsetY, moved: false };
      });
      canvas.addEventListener("pointermove", (event) => this.onMove(event));
      canvas.addEventListener("pointerup", (event) => {
        const clicked = this.drag && !this.drag.moved && this.nearest(event.offsetX, event.offsetY);
        this.drag = null;
        if (clicked) this.$emit("select", clicked.id);
      });
      canvas.addEventListener("pointerleave", () => (this.hover = null));
    },
    onMove(event) {
      const { offsetX: x, offsetY: y } = event;
      if (this.drag) {
        if (Math.abs(x - this.drag.x) + Math.abs(y - this.drag.y) < 4 && !this.drag.moved) return;
        this.pan(x - this.drag.x, y - this.drag.y);
        this.drag = { x, y, moved: true };
        this.hover = null;
        return;
      }
      const marker = this.nearest(x, y);
      this.$refs.canvas.style.cursor = marker ? "pointer" : "grab";
      if (marker && this.hover?.id !== marker.id) this.$emit("hover", marker.id);
      const side = marker && marker.px > this.size[0] - 260 ? "left" : "right";
      this.hover = marker ? { id: marker.id, name: marker.name, x: marker.px, y: marker.py, side } : null;
    },
    onKey(event) {
      const step = 60, keys = {
        ArrowLeft: () => this.pan(step, 0), ArrowRight: () => this.pan(-step, 0), ArrowUp: () => this.pan(0, step),
        ArrowDown: () => this.pan(0, -step), "+": () => this.zoom(1.6), "=": () => this.zoom(1.6), "-": () => this.zoom(1 / 1.6),
        0: () => this.fit(this.home), 9: () => this.fit(this.province),
      };
      if (!keys[event.key] || event.target !== this.$el) return;
      event.preventDefault();
      keys[event.key]();
    },
  },
};
