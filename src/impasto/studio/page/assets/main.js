// The page: every part listens, then everything is found again where it was.

import * as address from "./address.js";
import * as history from "./history.js";
import * as job from "./job.js";
import "./learn.js";
import { show } from "./messages.js";
import "./paintings.js";
import { recall } from "./photo.js";
import * as quick from "./quick.js";
import { apply } from "./settings.js";
import "./share.js";
import "./swatches.js";
import "./zoom.js";

const { complaints, ...opening } = JSON.parse(document.body.dataset.opening);

job.start();
quick.start();
history.start();
apply(opening);
address.start();
for (const complaint of complaints) show(complaint, complaint);
document.querySelector("main").inert = false;
recall();
