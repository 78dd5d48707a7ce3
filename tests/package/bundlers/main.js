import * as minions from "minions-web";

window.minions = minions;
