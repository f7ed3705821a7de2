// Opens the pages of a running Gapwise in Chromium and checks what a person
// relies on. Run by `go test ./cmd/gapwise`, which starts Gapwise with a cohort
// and says where it is; exits 1 with every failure named.
import { chromium } from 'playwright-core';

const { GAPWISE_URL: url, GAPWISE_CHROMIUM: program, GAPWISE_INSTRUCTOR: instructor, GAPWISE_LEARNER: learner, GAPWISE_PAST: past, GAPWISE_SHOTS: shots } = process.env;
const failures = [];
const check = (holds, what) => { if (!holds) failures.push(what); };

const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

// visit runs one story in a fresh browser and fails on anything the console complains of.
async function visit(name, options, story) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  // A page that is refused on purpose is told in the console, too.
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !/status of 403/.test(m.text())) failures.push(`${name}: console: ${m.text()}`); });
  page.on('pageerror', (e) => failures.push(`${name}: ${e}`));
  try {
    await story(page, (holds, what) => check(holds, `${name}: ${what}`));
  } catch (e) {
    failures.push(`${name}: ${e}`);
  }
  await context.close();
}

const signIn = (page, token, next = '/') => page.goto(`${url}/sign-in?token=${token}&next=${encodeURIComponent(next)}`);

// What every page has to have, whoever reads it.
async function accessible(page, expect) {
  const found = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    h1: document.querySelectorAll('h1').length,
    levels: [...document.querySelectorAll('h1,h2,h3,h4')].filter((h) => h.checkVisibility()).map((h) => +h.tagName[1]),
    headless: [...document.querySelectorAll('table')].filter((t) => !t.querySelector('thead th[scope=col]') || [...t.querySelectorAll('tbody tr')].some((r) => !r.querySelector('th[scope=row]'))).length,
    unnamed: [...document.querySelectorAll('a,button,select,input:not([type=hidden])')].filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length,
    images: [...document.querySelectorAll('img:not([alt])')].length,
    main: document.querySelectorAll('main').length,
    scripts: document.scripts.length,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    // Contrast of every visible text on its own background (WCAG 2.2, 1.4.3).
    pale: (() => {
      const rgb = (c) => c.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
      const seen = new Set();
      for (const e of document.querySelectorAll('body *')) {
        if (e.closest('svg') || !e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) seen.add(`${e.tagName}.${e.className} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
      }
      return [...seen];
    })(),
  }));
  expect(found.lang === 'en', 'the page names no language');
  expect(found.h1 === 1, `${found.h1} first headings`);
  expect(found.levels.every((l, i) => i === 0 || l - found.levels[i - 1] <= 1), `headings jump: ${found.levels}`);
  expect(found.main === 1, 'no main part');
  expect(found.headless === 0, `${found.headless} tables without headers of columns and rows`);
  expect(found.unnamed === 0, `${found.unnamed} controls without a name`);
  expect(found.images === 0, 'an image without alt');
  expect(found.scripts === 0, 'a script');
  expect(found.overflow <= 0, `wider than the screen by ${found.overflow} px`);
  expect(found.pale.length === 0, `too little contrast: ${found.pale}`);
}

const shoot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }); };

// An instructor: sign-in link, weak topics, heatmap, a learner, next topics.
async function instructorStory(page, expect, name) {
  await signIn(page, instructor);
  expect(new URL(page.url()).search === '', 'the token stayed in the address');
  expect((await page.textContent('h1')) === 'demo', 'no cohort on the front page');
  await accessible(page, expect);
  await shoot(page, `${name}-cohort`);
  expect((await page.locator('#weak tbody tr').count()) === 25, 'not every concern among the weak topics');
  expect(/\d+%\s*\d+–\d+%/.test(await page.locator('#weak .interval').first().textContent()), 'a share without its interval');

  const heatmap = page.locator('table.heatmap');
  expect((await heatmap.locator('caption').count()) === 1, 'a heatmap without caption');
  expect((await heatmap.locator('thead th[scope=col]').count()) === 26, 'not 25 concerns in the heatmap');
  expect((await heatmap.locator('tbody th[scope=row]').count()) === 12, 'not 12 learners in the heatmap');
  const cells = await heatmap.locator('tbody td').evaluateAll((list) => list.map((td) => [td.className, td.innerText.replace(/\s+/g, ' ').trim(), td.title]));
  expect(cells.length === 300, `${cells.length} cells`);
  const letters = { 's-weak': 'W', 's-rusty': 'R', 's-borderline': 'B', 's-fair': 'F', 's-strong': 'S' };
  for (const [state, text, title] of cells) {
    if (state === 's-unknown') expect(!/%/.test(text + title), `an estimate in a cell without enough answers: ${text}`);
    else expect(text.startsWith(letters[state]) && /\d+%$/.test(text) && /answer/.test(title), `a cell without letter and share: ${state} ${text}`);
  }
  expect(new Set(cells.map((c) => c[0])).size >= 3, 'a heatmap of one colour');

  const moved = page.locator('#weak svg.spark');
  expect((await moved.count()) === 25, 'not every concern has its weeks');
  expect(/^Share weak at the end of the last 8 weeks: .*\d+% of \d+$/.test(await moved.first().getAttribute('aria-label')), 'a sparkline without words');
  const change = await page.locator('#weak .moved').first().textContent();
  expect(/weak than four weeks ago: [+−]\d+ points|no clear change in four weeks \(([+−][1-9]\d*|0) points\)|nobody was measured four weeks ago/.test(change), `a movement without its change: ${change}`);

  const help = await page.locator('#help tbody tr').allInnerTexts();
  expect(help.length > 0 && help.every((row) => /weak topics to expect.* judged: mostly \S/.test(row)), `a list of who needs help without reasons: ${help}`);

  await page.selectOption('#target', 'staff');
  await page.click('form:has(#target) button');
  expect(/Measured against staff questions/.test(await page.innerText('#weak')), 'a page does not say what it measures against');
  expect((await page.locator('#target option:checked').innerText()) === 'staff questions', 'the choice of a level is forgotten');
  await heatmap.locator('tbody th a').first().click();
  expect(/Measured against staff questions/.test(await page.innerText('#areas')), 'a link lost the level to measure against');
  await accessible(page, expect);
  await page.goBack();
  await page.selectOption('#target', '');
  await page.click('form:has(#target) button');

  await page.waitForURL((url) => !url.searchParams.get('target')); // a click doesn't wait for the page it leads to
  await page.click('nav.switch a:text("Chapters")');
  await page.waitForURL(/by=chapter/);
  expect((await heatmap.locator('thead th[scope=col]').count()) === 28, 'not 27 chapters in the heatmap');
  await accessible(page, expect);

  await page.click('a:text("Keep this view")');
  const kept = await page.locator('#weak').innerText();
  const asOf = new URL(page.url()).searchParams.get('as_of');
  expect(/^\d+@\d{4}-.*Z$/.test(asOf), `a kept view without its moment: ${asOf}`);
  await page.reload();
  expect((await page.locator('#weak').innerText()) === kept, 'a kept view changed');
  expect((await page.locator('#as-of').getAttribute('value')) === asOf, 'the page echoes another moment');

  await page.click('.jump a:text("Questions")');
  expect(new URL(page.url()).searchParams.get('as_of') === asOf, 'the link to the questions lost the moment');
  const asked = page.locator('#others tbody tr');
  expect((await page.textContent('h1')) === 'Questions' && (await asked.count()) + (await page.locator('.flagged > li').count()) === 50, 'not a page of questions');
  expect(/\d+%, \d+% expected/.test(await asked.first().innerText()), 'a question without what was expected');
  await accessible(page, expect);
  await shoot(page, `${name}-questions`);
  await page.click('.pages a:text("Next questions")');
  expect((await asked.count()) === 50, 'no second page of questions');
  await page.click('.switch a:text("Least often right first")');
  const rights = await asked.locator('.gap b').evaluateAll((list) => list.map((b) => parseInt(b.textContent)));
  expect(rights.length === 50 && rights.every((r, i) => i === 0 || r >= rights[i - 1]), `not in the order of right answers: ${rights}`);
  await page.click('.eyebrow a');
  expect((await page.textContent('h1')) === 'demo' && !page.url().includes('sort='), 'no way back from the questions');

  await page.click('.jump a:text("Self-assessment")');
  expect(new URL(page.url()).searchParams.get('as_of') === asOf, 'the link to the self-assessment lost the moment');
  expect((await page.textContent('h1')) === 'Self-assessment' && (await page.locator('.thoughts > li').count()) === 3, 'not three ways to tell what one thinks');
  for (const text of await page.locator('.thoughts > li').allInnerTexts()) {
    expect(/[+−]?\d+ points\s+[+−]?\d+ to [+−]?\d+/.test(text) || /Too little to say|Nothing to compare/.test(text), `a difference without its range: ${text}`);
  }
  expect((await page.locator('#topics tbody tr').count()) === 27 && (await page.locator('#learners tbody tr').count()) === 12, 'not every chapter, or not every learner');
  await accessible(page, expect);
  await shoot(page, `${name}-self`);
  await page.locator('#learners tbody th a').first().click();
  expect(/^What the learner thinks/.test(await page.locator('#self h2').innerText()), 'no self-assessment behind the link');
  await page.goBack();
  await page.click('.eyebrow a');

  await page.click('a:text("How reliable are these numbers?")');
  expect(new URL(page.url()).searchParams.get('as_of') === asOf, 'the link to the reliability lost the moment');
  expect((await page.textContent('h1')) === 'Reliability' && /\d+% to be right; \d+% were/.test(await page.innerText('.lead')), 'no prediction against what came');
  expect((await page.locator('svg.agree circle').count()) === 10, 'not ten groups in the drawing');
  const parts = await page.locator('section:has(table) h2').allInnerTexts();
  expect(parts.includes('By grader') && parts.includes('By level') && parts.includes('By earlier answers') && parts.includes('By chapter'), `parts are ${parts}`);
  expect((await page.locator('#topics tbody tr').count()) === 27, 'not every chapter among the parts');
  for (const row of await page.locator('#levels tbody tr').allInnerTexts()) {
    expect(/[+−]?\d+\.\d\s+[+−]?\d+\.\d to [+−]?\d+\.\d/.test(row), `no difference with its interval: ${row}`);
  }
  await page.click('#topics summary');
  await accessible(page, expect);
  await shoot(page, `${name}-reliability`);
  await page.click('.eyebrow a');
  expect((await page.textContent('h1')) === 'demo' && new URL(page.url()).searchParams.get('as_of') === asOf, 'no way back from the reliability');

  await heatmap.locator('tbody th a').first().click();
  expect(new URL(page.url()).searchParams.get('as_of') === asOf, 'a link lost the moment');
  expect((await page.textContent('h1')) === 'demo-001', 'no learner behind the link');
  await accessible(page, expect);

  await page.goto(`${url}/learners/nobody`);
  expect(/403/.test(await page.textContent('main')), 'a foreign learner was shown');
}

// A learner: own page at once, next topics with reasons, areas, evidence.
async function learnerStory(page, expect, name) {
  await signIn(page, learner);
  expect(new URL(page.url()).pathname === '/learners/demo-001', `a learner came to ${page.url()}`);
  await accessible(page, expect);
  await shoot(page, `${name}-learner`);
  const topics = page.locator('ol.next > li');
  expect((await topics.count()) === 5, 'not five next topics');
  for (const text of await topics.locator('.reason').allTextContents()) {
    expect(/^(mastery \d+% \(\d+–\d+%\) from \d+ answers?; last practised .* ago|not measured yet)/.test(text), `no reason: ${text}`);
  }
  expect((await topics.locator('.read-list').first().innerText()).length > 6, 'no chapter to read');
  expect((await topics.locator('.items li').count()) > 5, 'nothing to practise with');
  expect((await page.locator('#areas tbody tr').count()) === 25, 'not every area');
  expect((await page.locator('#self .thoughts > li').count()) === 3, 'not three ways to tell what one thinks');
  await page.click('#self summary');
  expect((await page.locator('#self tbody tr:visible').count()) > 9, 'no numbers behind what one thinks');
  expect(!/overconfident/i.test(await page.innerText('#self')), 'an unkind word');
  await accessible(page, expect);
  await shoot(page, `${name}-learner-self`);
  await page.locator('#areas td a').first().click();
  expect((await page.locator('table.events tbody tr').count()) > 0, 'no event behind a number');
  const steps = await page.locator('details.step summary').allInnerTexts();
  expect(steps.length > 0 && steps.every((s) => /^expected \d+%, got \d+% → skill [+−±]\d\.\d\d, ability [+−±]\d\.\d\d$/.test(s.trim())), `answers that move nothing: ${steps}`);
  expect(/mastery = σ/.test(await page.locator('#worked details').innerText()), 'a number that is not worked out');
  await page.locator('details.step summary').first().click();
  await shoot(page, `${name}-evidence`);
  await accessible(page, expect);
  await page.goto(`${url}/cohorts/demo`);
  expect(/403/.test(await page.textContent('main')), 'a learner saw a cohort');
  await page.click('button:text("Sign out")');
  expect(/Sign in/.test(await page.textContent('main')), 'still signed in');
}

// The course, from a recommendation to its question and back to one's answers.
async function courseStory(page, expect, name) {
  await signIn(page, learner);
  await page.locator('ol.next > li summary').first().click();
  await page.locator('ol.next .items a').first().click();
  expect(/^\/catalog\/items\//.test(new URL(page.url()).pathname), 'a recommended question leads nowhere');
  await page.click('header a:text("Course")');
  expect((await page.locator('#concerns tbody tr').count()) === 25, 'not 25 concerns in the course');
  expect((await page.locator('#chapters tbody tr').count()) === 27, 'not 27 chapters in the course');
  expect((await page.locator('#checklist details').count()) === 18, 'not 18 sections of the checklist');
  await accessible(page, expect);
  await shoot(page, `${name}-course`);
  for (const summary of await page.locator('details > summary').all()) await summary.click();
  expect((await page.locator('#checklist li:visible').count()) === 82, 'not 82 lines to tick');
  expect((await page.locator('#placement li:visible').count()) === 40, 'not 40 questions in the placement');
  await accessible(page, expect);

  await page.click('#concerns th a:text("Database Internals")');
  expect((await page.textContent('h1')) === 'Database Internals', 'another concern behind the link');
  await accessible(page, expect);
  await shoot(page, `${name}-concern`);
  await page.click('.place a:text("Database Deep Dives")');
  expect((await page.textContent('h1')) === 'Database Deep Dives', 'another chapter behind the link');
  await accessible(page, expect);

  await page.click('.questions a:text("covering index")');
  expect((await page.locator('.choices >> visible=true').count()) === 1, 'choices are missing, or told');
  expect(!/Gives away|A good answer/.test(await page.innerText('main')), 'a rubric before it was asked for');
  await accessible(page, expect);
  await shoot(page, `${name}-question`);
  await page.click('summary:has-text("Show the rubric")');
  expect(/Gives away[^]*A good answer[^]*What weak candidates say/.test(await page.innerText('main')), 'no rubric');
  expect((await page.locator('.choices .right:visible').count()) === 1, 'no right choice');
  await accessible(page, expect);
  await shoot(page, `${name}-rubric`);
  await page.click('a:text("Your answers to this question")');
  expect(/covering index/.test(await page.textContent('h1')), 'no way to the answers');
  await page.click('a:text("See it in the course")');
  expect(new URL(page.url()).pathname === '/catalog/items/covering-index', 'no way back to the question');
}

// A moment of the past, when another course was in use: as it was seen then, through
// today's course, and back.
async function pastStory(page, expect, name) {
  const renamed = 'As It Was Named Then';
  const asked = () => new URL(page.url()).searchParams;
  const same = (what) => expect(asked().get('as_of') === past, `${what} lost the moment: ${page.url()}`);
  const through = page.locator('.through');
  await signIn(page, instructor, `/cohorts/past?as_of=${encodeURIComponent(past)}`);
  expect(/As known on\s+\d/.test(await page.innerText('.basis-line')), `a page of the past does not say so: ${await page.innerText('.basis-line')}`);
  expect(/^Seen through course guide-\w+ and model [\w-]+, which were in use then\. Today’s are others: see the same through today’s\.$/.test(await through.innerText()),
    `a page does not say what it is seen through: ${await through.innerText()}`);
  expect((await page.textContent('#weak')).includes(renamed), 'a concern without its name of then');
  expect((await page.textContent('table.heatmap thead')).includes(renamed), 'a heatmap without the names of then');
  const versions = await through.locator('code').allInnerTexts();
  await accessible(page, expect);
  await shoot(page, `${name}-past`);

  await page.click('.through a');
  await page.waitForURL(/catalog=now/);
  same('the way to today’s course');
  expect(/which are today’s\. Then others were in use: see what was said then\.$/.test(await through.innerText()), `seen through today’s a page says ${await through.innerText()}`);
  expect((await through.locator('code').allInnerTexts()).join() !== versions.join(), 'today’s course has the version of then');
  expect(!(await page.textContent('#weak')).includes(renamed), 'a concern has its name of then in today’s course');
  await accessible(page, expect);
  await shoot(page, `${name}-past-today`);
  await page.click('nav.switch a:text("Chapters")');
  await page.waitForURL(/by=chapter/);
  expect(asked().get('catalog') === 'now' && asked().get('model') === 'now', `another lens lost what it is seen through: ${page.url()}`);
  await page.selectOption('#target', 'staff');
  await page.click('form:has(#target) button');
  await page.waitForURL(/target=staff/);
  expect(asked().get('catalog') === 'now' && asked().get('model') === 'now', `a form lost what the page is seen through: ${page.url()}`);
  await page.locator('table.heatmap tbody th a', { hasText: 'past-' }).first().click();
  await page.waitForURL(/learners/);
  same('a learner');
  expect(asked().get('catalog') === 'now' && /which are today’s/.test(await through.innerText()), `a learner is seen through something else: ${page.url()}`);
  await page.locator('#areas td a').first().click();
  await page.waitForURL(/evidence/);
  expect(asked().get('model') === 'now' && /which are today’s/.test(await through.innerText()), `evidence is seen through something else: ${page.url()}`);
  await page.click('.eyebrow a');
  await page.click('.through a:text("see what was said then")');
  await page.waitForURL((url) => !url.searchParams.has('catalog'));
  same('the way back');
  expect(/were in use then/.test(await through.innerText()), 'no way back to what was said');
  await shoot(page, `${name}-past-learner`);

  await page.locator('#areas th a').first().click();
  await page.waitForURL(/catalog/);
  same('a concern of then');
  expect(/The course as it was on \d/.test(await page.innerText('main')), 'a course of then does not say so');
  await page.click('.eyebrow a');
  expect((await page.textContent('#concerns')).includes(renamed), 'the course has not the names of then');
  await accessible(page, expect);
  await shoot(page, `${name}-past-course`);
  await page.click('a:text("Today’s course")');
  await page.waitForURL(/\/catalog$/);
  expect(!(await page.textContent('#concerns')).includes(renamed), 'today’s course has the names of then');

  await page.goto(`${url}/cohorts/past?as_of=${encodeURIComponent(past)}&catalog=now&model=now`);
  await page.click('a:text("Show now")');
  await page.waitForURL((url) => url.search === '');
  expect((await through.count()) === 0, 'a page of now is seen through something');
}

async function visitorStory(page, expect, name) {
  await page.goto(url);
  expect(/gapwise token/.test(await page.textContent('main')), 'a visitor is not told how to sign in');
  await accessible(page, expect);
  await shoot(page, `${name}-visitor`);
}

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
await Promise.all(past ? [
  visit('past', {}, (p, e) => pastStory(p, e, 'wide')),
  visit('past on a phone, without JavaScript', { ...phone, javaScriptEnabled: false, colorScheme: 'dark' }, (p, e) => pastStory(p, e, 'phone')),
] : [
  visit('instructor', {}, (p, e) => instructorStory(p, e, 'wide')),
  visit('instructor on a phone, without JavaScript', { ...phone, javaScriptEnabled: false, colorScheme: 'dark' }, (p, e) => instructorStory(p, e, 'phone')),
  visit('learner, dark', { colorScheme: 'dark' }, (p, e) => learnerStory(p, e, 'wide')),
  visit('learner on a phone', phone, (p, e) => learnerStory(p, e, 'phone')),
  visit('course', {}, (p, e) => courseStory(p, e, 'wide')),
  visit('course on a phone, without JavaScript', { ...phone, javaScriptEnabled: false, colorScheme: 'dark' }, (p, e) => courseStory(p, e, 'phone')),
  visit('visitor', {}, (p, e) => visitorStory(p, e, 'wide')),
  visit('visitor on a phone', { ...phone, colorScheme: 'dark' }, (p, e) => visitorStory(p, e, 'phone')),
]);
await browser.close();

if (failures.length > 0) {
  console.error([...new Set(failures)].join('\n'));
  process.exit(1);
}
