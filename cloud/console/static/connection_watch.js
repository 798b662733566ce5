// Covers the page while its values are frozen: the server is lost to the browser, or the data to the server.
export default {
  template: `
    <div v-if="since" class="frozen" role="alertdialog" aria-live="assertive">
      <div class="frozen-card">
        <i class="material-icons" aria-hidden="true">cloud_off</i>
        <b>{{ texts.frozen.replace("{time}", since) }}</b>
        <span>{{ texts.frozen_hint }}</span>
      </div>
    </div>`,
  props: { texts: Object, frozenAt: String },
  data: () => ({ lostAt: "" }),
  computed: {
    since() {
      return this.lostAt || this.frozenAt;
    },
  },
  mounted() {
    this.timer = setInterval(() => this.look(), 500);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    look() {
      const connected = window.socket ? window.socket.connected : true;
      if (connected) this.lostAt = "";
      else if (!this.lostAt) this.lostAt = this.clock();
    },
    clock() {
      const format = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Ho_Chi_Minh" };
      return new Intl.DateTimeFormat("en-GB", format).format(new Date());
    },
  },
};
