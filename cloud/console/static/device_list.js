// A list of devices to choose from.
export default {
  template: `
    <div class="device-list" role="list">
      <p v-if="!rows.length" class="quiet">{{ empty }}</p>
      <button v-for="row in rows" :key="row.id" type="button" role="listitem" class="device-row" :data-device="row.id"
              @click="$emit('select', row.id)">
        <i class="material-icons" aria-hidden="true">{{ row.icon }}</i>
        <span class="device-name"><b>{{ row.name }}</b><small>{{ row.detail }}</small></span>
        <span class="chip" :class="'chip-' + row.look">{{ row.state }}</span>
      </button>
      <p v-if="more" class="quiet">{{ more }}</p>
    </div>`,
  props: { rows: Array, empty: String, more: String },
  emits: ["select"],
};
