// The page: every part listens, then everything is found again where it was.

import * as address from "./address.js";
import "./history.js";
import "./learn.js";
import { show } from "./messages.js";
import "./paintings.js";
import { recall } from "./photo.js";
import "./quick.js";
import { apply } from "./settings.js";
import "./share.js";
import "./swatches.js";
import "./zoom.js";

const { complaints, ...opening } = JSON.parse(document.body.dataset.opening);

apply(opening);
address.start();
for (const complaint of complaints) show(complaint, complaint);
document.querySelector("main").inert = false;
recall();
