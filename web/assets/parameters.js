// The picture settings of docs/protocol.md, section 1, in the order and groups in which they are shown.

const SIZES = {
  "96X96": "96 × 96", QQVGA: "160 × 120", "128X128": "128 × 128", QCIF: "176 × 144", HQVGA: "240 × 176", "240X240": "240 × 240", QVGA: "320 × 240",
  "320X320": "320 × 320", CIF: "400 × 296", HVGA: "480 × 320", VGA: "640 × 480", SVGA: "800 × 600", XGA: "1024 × 768", HD: "1280 × 720",
  SXGA: "1280 × 1024", UXGA: "1600 × 1200",
};

const range = (name, label, min, max, hint = "") => ({ name, label, type: "range", min, max, hint });
const toggle = (name, label) => ({ name, label, type: "toggle" });
const choice = (name, label, options) => ({ name, label, type: "choice", options });
const numbered = (...labels) => labels.map((label, value) => ({ value, label }));

/** The settings people change, then the rest in groups. */
export const COMMON = [
  choice("framesize", "Size", Object.entries(SIZES).map(([value, px]) => ({ value, label: /^\d/.test(value) ? px : `${value}, ${px}` }))),
  range("quality", "Compression", 4, 63, "4 is the best picture, 63 the smallest"),
  range("fps", "Frame rate limit", 0, 60, "0 is no limit"),
  range("brightness", "Brightness", -2, 2),
  toggle("hmirror", "Mirror"),
  toggle("vflip", "Flip"),
  range("led_intensity", "LED", 0, 255),
];

export const MORE = [
  {
    title: "Picture",
    settings: [
      range("contrast", "Contrast", -2, 2),
      range("saturation", "Saturation", -2, 2),
      choice("special_effect", "Effect", numbered("None", "Negative", "Greyscale", "Red tint", "Green tint", "Blue tint", "Sepia")),
    ],
  },
  {
    title: "White balance",
    settings: [
      toggle("awb", "Automatic"),
      toggle("awb_gain", "Automatic gain"),
      choice("wb_mode", "Light", numbered("Automatic", "Sunny", "Cloudy", "Office", "Home")),
    ],
  },
  {
    title: "Exposure",
    settings: [
      toggle("aec", "Automatic"),
      toggle("aec2", "Night mode (AEC DSP)"),
      range("ae_level", "Level", -2, 2, "while automatic"),
      range("aec_value", "Time", 0, 1200, "while not automatic"),
    ],
  },
  {
    title: "Gain",
    settings: [
      toggle("agc", "Automatic"),
      range("agc_gain", "Gain", 0, 30, "while not automatic"),
      choice("gainceiling", "Ceiling", numbered("2×", "4×", "8×", "16×", "32×", "64×", "128×")),
    ],
  },
  {
    title: "Corrections",
    settings: [
      toggle("bpc", "Black pixels"),
      toggle("wpc", "White pixels"),
      toggle("raw_gma", "Gamma"),
      toggle("lenc", "Lens shading"),
      toggle("dcw", "Downsize (DCW)"),
      toggle("colorbar", "Test bars"),
    ],
  },
];

/** Only those settings of a list that a camera says it has; all if it has said nothing. */
export function offered(list, values) {
  return values && Object.keys(values).length ? list.filter(({ name }) => name in values) : list;
}
