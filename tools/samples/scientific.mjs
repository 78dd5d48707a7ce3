/** A field trial as a paper tells it: plots by site, dose and year, and a discussion that doubts its own best result. */
import { dice } from "./dice.mjs";

const DOSES = [0, 5, 10, 20, 40];
/** Mean gain of height over the control, in centimeters; the highest dose harms. */
const GAIN = { 0: 0, 5: 2.1, 10: 4.6, 20: 7.9, 40: 3.2 };
const SITES = ["Ardmoor", "Bellfield", "Corran Hill", "Dunlea", "Eskdale", "Farrow Bank", "Glen Orrin", "Hathersley", "Inverlow", "Kestrel Down", "Linmere", "Marrick"];
const SOILS = ["a sandy loam over gravel", "a heavy clay that stands under water after rain", "a peaty loam of low pH", "a stony loam on chalk", "a silt of the old river bed"];

export function paper() {
  const { of, pick } = dice(5);
  const sites = SITES.map((site, index) => {
    const base = of(310, 420) / 10;
    const rows = DOSES.map((dose) => `${dose} t/ha: mean height ${(base + GAIN[dose] + of(-9, 9) / 10).toFixed(1)} cm, survival ${Math.min(97, of(84, 91) + (dose === 20 ? 4 : dose === 40 ? -8 : 1))}%, plots ${of(5, 6)}`);
    const note = index === 4 ? " Deer broke through the fence in June of the second year and browsed two plots of the control, which were left out." : index === 9 ? " The plots of 20 t/ha lie at the foot of the slope, where the soil stays moist." : "";
    return `${site}. The site lies at ${of(40, 380)} m above the sea on ${pick(SOILS)}, with a pH of ${of(46, 71) / 10} and ${of(21, 68) / 10}% organic carbon. Rain between April and September came to ${of(280, 460)} mm in the first year and ${of(230, 410)} mm in the second. Before the trial the field was ${pick(["permanent pasture", "barley stubble", "set aside for six years", "a tree nursery"])}.${note}\n${rows.join("\n")}`;
  });
  return `Biochar and the early growth of silver birch: a field trial at twelve sites
The study, its authors and all its data are invented.

Abstract
Biochar is often recommended for planting on poor soil, but most evidence comes from pots. We planted 9,360 one-year-old seedlings of silver birch (Betula pendula) at twelve sites, with five doses of biochar from spruce bark (0, 5, 10, 20 and 40 tonnes per hectare) in plots of 26 plants, and measured height and survival after two growing seasons. Height rose with the dose up to 20 t/ha, where plants were on average 7.9 cm taller than in the control (95% interval 6.3 to 9.5 cm), and fell again at 40 t/ha (3.2 cm, 1.1 to 5.3 cm). Survival was lowest at 40 t/ha. At sites with a pH above 6.5 no dose had an effect that could be told from zero. Because plots of 20 t/ha at one site lie on moister ground, we give the analysis without that site as well; the effect is then 7.1 cm. We advise 10 to 20 t/ha on acid soil and none on chalk.

1. Introduction
Planting birch on worn-out pasture fails often. In the second summer, when the first store of the nursery's soil is used up, a dry month is enough to lose a third of the plants. Among the remedies that are sold for this, biochar has the best story: it holds water, it raises the pH, and it stays in the ground for centuries. The story was told mostly on pots. In pots, roots meet the biochar whether they want to or not; in the field they can grow past it. Pots are watered; fields are not.

Field trials have been few, small and short. Of the nineteen that we found, eleven had one site, and only three lasted for more than one season. Doses were chosen by what a truck holds rather than by what a plant needs. Three trials found harm at high doses, which their authors put down to salt, to a lack of nitrogen, or to both. None was large enough to say where the harm begins.

We therefore asked three questions. First, is there an effect of biochar on height after two seasons in the field, over sites that differ in soil? Second, is there a dose beyond which it turns into harm? Third, does the effect depend on the pH of the soil, as it should if lime is all that biochar is?

2. Methods
Biochar was made from spruce bark at 550 degrees Celsius in one kiln and one week, so that all sites got the same. It had a pH of 9.1, 71% carbon, and 0.4% nitrogen. It was sieved to pieces below 8 mm, spread by hand, and worked in to 15 cm with a rotary tiller; plots of the control were tilled the same way. Seedlings came from one nursery and were 28 to 36 cm tall when planted. They were planted in March of the first year at 1.5 by 1.5 meters by the same crew of six.

Each site had thirty plots: six blocks of five plots, each block with every dose once, in an order drawn by lot. At Kestrel Down the lot could not be followed. The lower third of the field was too wet for the tiller in the week of planting, and the crew moved the plots of 20 t/ha there, where they had already unloaded the bags. We learned of this only from their diary.

Height was measured in March of the first year and in October of the second, from the ground to the highest living bud, by two people who did not know the doses. A plant was dead if no bud was green under the bark. Soil was sampled from four places in each plot before the biochar was spread.

The model was a mixed one: dose as five levels, pH of the soil in three classes and their interaction as fixed effects, site and block within site as random ones. Intervals are of 95%. The analysis was written down and deposited before the second measurement; the analysis without Kestrel Down was not foreseen there and was added after we read the diary.

3. Results by site
${sites.join("\n\n")}

4. Results over all sites
Plants were 35.9 cm taller in the second October than when they were planted, over all doses. Against the control the difference was 2.1 cm at 5 t/ha (0.5 to 3.7), 4.6 cm at 10 t/ha (3.0 to 6.2), 7.9 cm at 20 t/ha (6.3 to 9.5) and 3.2 cm at 40 t/ha (1.1 to 5.3). The difference between 20 and 40 t/ha, 4.7 cm, is itself clear of zero (2.4 to 7.0).

Survival over all sites was 88.4% in the control and 81.2% at 40 t/ha; other doses lay between 88.9% and 92.0%. Most plants that died at 40 t/ha did so in May of the first year, before the dry weeks, with brown edges on their leaves.

The effect depended on the pH. On soil below 5.5 the gain at 20 t/ha was 11.2 cm, between 5.5 and 6.5 it was 7.4 cm, and above 6.5 it was 0.8 cm with an interval from minus 1.9 to 3.5 cm.

Without Kestrel Down the gain at 20 t/ha is 7.1 cm (5.4 to 8.8) instead of 7.9 cm. All other numbers change by less than 0.3 cm.

5. Discussion
The dose with the largest effect is 20 t/ha. How much of its 7.9 cm is due to biochar is less sure than the interval suggests. At Kestrel Down dose and moisture cannot be told apart: every plot of 20 t/ha stood on the moist foot of the slope. We consider the result of that site confounded and the 7.1 cm of the other eleven the better estimate. We left the site in the abstract's first number because the analysis was deposited that way.

That 40 t/ha did harm was expected by some and denied by others. Our plants died early and with the marks of salt. Bark holds more potassium and sodium than wood, and biochar from wood might have been milder. Nitrogen was not short: leaves at 40 t/ha held as much as in the control.

The dependence on pH says that a good part of the effect is that of lime. It is not the whole, since 5 t/ha of biochar raised the pH by only 0.1 and plants still grew taller. A trial with lime and biochar side by side could part the two. It would cost less than this one, and we would be glad if someone did it before we do.

Three limits should be kept in mind. Two seasons are short for a tree. All biochar came from one kiln. And our sites lie within 140 km of each other, under one weather; the second summer was dry at all of them, which may have made the water that biochar holds worth more than it is in most years.

6. Advice for planters
On acid soil, 10 to 20 t/ha worked into the upper 15 cm are worth their price where losses in the second summer are common. More is worse. On chalk, save the money.

Funding and interests
The trial was paid for by the fictional Foundation for Upland Woods. The kiln's owner gave the biochar for free and had no say in the analysis.`;
}
