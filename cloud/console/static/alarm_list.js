// Open alarms, newest on top. Texts arrive as data and are shown as text, never as markup.
export default {
  template: `
    <div class="alarm-list" role="table" :aria-label="texts.alarms">
      <div class="alarm-row alarm-head" role="row">
        <span role="columnheader">{{ texts.severity }}</span><span role="columnheader">{{ texts.since }}</span>
        <span role="columnheader">{{ texts.device }}</span><span role="columnheader">{{ texts.what }}</span>
        <span></span>
      </div>
      <p v-if="!rows.length" class="quiet">{{ texts.no_alarms }}</p>
      <div v-for="row in rows" :key="row.id" class="alarm-row" role="row" :data-alarm="row.id"
           :class="['severity-' + row.severity, row.acknowledged ? 'is-acknowledged' : 'is-new', row.device === selected ? 'is-selected' : '']">
        <span class="alarm-severity" role="cell"><i class="sign"></i>{{ texts[row.severity] }}</span>
        <span class="alarm-since" role="cell" :title="row.since_full">{{ row.since }}</span>
        <span role="cell"><template v-if="!row.device">{{ row.name }}</template>
          <button v-else type="button" class="link" :title="row.name" @click="$emit('open', row.device)">{{ row.name }}</button></span>
        <span role="cell" class="alarm-text"><b :title="row.text">{{ row.text }}</b><small :title="row.advice">{{ row.advice }}</small></span>
        <span role="cell" class="alarm-act">
          <small v-if="row.note">{{ row.note }}</small>
          <button v-if="may && !row.acknowledged" type="button" class="act" :disabled="busy[row.id]" @click="acknowledge(row.id)">
            {{ texts.acknowledge }}
          </button>
        </span>
      </div>
      <p v-if="cut" class="quiet">{{ cut }}</p>
    </div>`,
  props: { rows: Array, texts: Object, may: Boolean, cut: String, selected: String },
  emits: ["open", "acknowledge"],
  data: () => ({ busy: {} }),
  methods: {
    acknowledge(id) {
      this.busy[id] = true; // one click, one call; a refused one may be tried again
      setTimeout(() => delete this.busy[id], 3000);
      this.$emit("acknowledge", id);
    },
  },
};
