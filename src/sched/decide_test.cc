#include "sched/decide.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace llama_swap::sched {
namespace {

const util::Time kNow{util::seconds{100}};

ModelId model(char name) {
  return static_cast<ModelId>(name - 'a');
}
char name(ModelId model) {
  return static_cast<char>('a' + model);
}

Models models(const std::string& names) {
  Models out;
  for (char c : names) out.push_back(model(c));
  return out;
}

// "a b* c^": each model with a mark: none ready and idle, * busy, ^ starting, - leaving, ! leaving
// and stuck, ~ draining and idle, % draining and busy, @ loaded too recently.
std::vector<Resident> residents(const std::string& text) {
  std::vector<Resident> out;
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    Resident r;
    r.model = model(word[0]);
    const char mark = word.size() > 1 ? word[1] : ' ';
    if (mark == '^') r.state = Resident::starting;
    if (mark == '-' || mark == '!') r.state = Resident::leaving;
    r.busy = mark == '*' || mark == '%';
    r.draining = mark == '~' || mark == '%';
    r.stuck = mark == '!';
    if (mark == '@') r.keep_until = kNow + util::seconds{1};
    out.push_back(r);
  }
  return out;
}

// "b>ac d!a": a swap to b that displaces a and c; an overdue request for d that needs a to go.
std::vector<Claim> claims(const std::string& text) {
  std::vector<Claim> out;
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    out.push_back({model(word[0]), models(word.substr(2)), word[1] == '!'});
  }
  return out;
}

std::string describe(const Decision& decision) {
  std::string out{reason(decision)};
  const Models* list = nullptr;
  if (const auto* start = std::get_if<Start>(&decision)) list = &start->displaced;
  if (const auto* wait = std::get_if<Wait>(&decision)) list = &wait->blockers;
  for (std::size_t i = 0; list && i < list->size(); ++i) out += std::string(" ") + name((*list)[i]);
  return out;
}

TEST(Decide, Table) {
  struct Case {
    const char* what;
    char target;
    const char* evictions;
    const char* residents;
    const char* claims;
    const char* want;
  };
  static const Case cases[] = {
      {"nothing runs", 'a', "", "", "", "start"},
      {"ready", 'a', "", "a", "", "ready"},
      {"ready and busy is no obstacle for itself", 'a', "", "a*", "", "ready"},
      {"others may stay", 'a', "", "b* c", "", "start"},

      {"join the swap in progress", 'a', "", "a^", "a>", "load"},
      {"join it while it stops others", 'a', "b", "b-", "a>b", "load"},

      {"displace the idle", 'a', "bc", "b c", "", "swap b c"},
      {"wait for the busy", 'a', "bc", "b c*", "", "busy c"},
      {"wait for all the busy", 'a', "bc", "b* c*", "", "busy b c"},
      {"no need to wait for what leaves anyway", 'a', "b", "b-", "", "swap b"},
      {"ready, but somebody came who must go", 'a', "c", "a c", "", "swap c"},
      {"ready, but somebody came who must go and is busy", 'a', "c", "a* c*", "", "busy c"},
      {"its own end is waited for within the swap", 'a', "", "a-", "", "start"},

      {"conflict: the target of the swap must go for us", 'a', "b", "b^", "b>", "queue b"},
      {"conflict: the swap displaces us", 'a', "", "a-", "b>a", "queue b"},
      {"conflict: both displace the same", 'a', "c", "c-", "b>c", "queue b"},
      {"conflict with two swaps", 'a', "bc", "", "c> b>", "queue b c"},
      {"no conflict: swaps side by side", 'a', "c", "b^ c", "b>d", "swap c"},
      {"ready, and a swap elsewhere", 'a', "", "a b^", "b>c", "ready"},

      {"draining, with requests", 'a', "", "a%", "", "busy a"},
      {"draining, at its end", 'a', "", "a~", "", "start"},

      {"loaded too recently", 'a', "bc", "b@ c", "", "residency b"},
      {"residency and requests: one after the other", 'a', "bc", "b@ c*", "", "residency b"},
      {"residency does not hold up what may stay", 'a', "", "b@", "", "start"},

      {"stuck", 'a', "b", "b!", "", "stuck b"},
      {"stuck itself", 'a', "", "a!", "", "stuck a"},
      {"stuck, both", 'b', "a", "a! b!", "", "stuck a b"},
      {"stuck elsewhere", 'a', "", "b!", "", "start"},
      {"stuck weighs more than a conflict", 'a', "bc", "b! c^", "c>", "stuck b"},

      {"overdue: the model takes nobody new", 'a', "", "a*", "b!a", "overdue b"},
      {"overdue: nor a load that is under way", 'a', "", "a^", "a> b!a", "overdue b"},
      {"overdue: nor may something conflicting start", 'c', "", "a*", "b!ac", "overdue b"},
      {"overdue: nor take the same place", 'c', "d", "a* d", "b!ad", "overdue b"},
      {"overdue: nor displace it", 'c', "b", "a*", "b!a", "overdue b"},
      {"overdue: the first one counts", 'a', "", "a*", "b!a c!a", "overdue b"},
      {"overdue: what does not conflict goes on", 'c', "", "a* c", "b!a", "ready"},
      {"overdue: and may start", 'c', "", "a*", "b!a", "start"},
      {"overdue: its own model is meant", 'b', "a", "a*", "b!a", "busy a"},
      {"swaps in progress are named first", 'a', "b", "b^", "c!a b>", "queue b"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Facts facts{kNow, residents(c.residents), claims(c.claims)};
    EXPECT_EQ(describe(decide(model(c.target), models(c.evictions), facts)), c.want);
  }
}

TEST(Decide, Displaced) {
  struct Case {
    const char* what;
    char target;
    const char* evictions;
    const char* residents;
    const char* claims;
    const char* want;
  };
  static const Case cases[] = {
      {"nothing runs", 'a', "", "", "", ""},
      {"ready", 'a', "", "a* b", "", ""},
      {"there is room", 'a', "", "b*", "", ""},
      {"it takes the place of others", 'a', "bc", "b c*", "", "bc"},
      {"of one that is starting", 'a', "b", "b^", "b>", "b"},
      {"of one that is not even started", 'a', "b", "", "b>c", "b"},
      {"what leaves anyway does not count", 'a', "bc", "b- c", "", "c"},
      {"nor what is stuck in leaving", 'a', "b", "b!", "", ""},
      {"others have decided already", 'a', "b", "b-", "a>b", ""},
      {"and it is starting", 'a', "", "a^", "a>b", ""},
      {"it leaves itself and comes again", 'a', "", "a-", "", ""},
      {"it is being displaced", 'a', "b", "a-", "b>a", "b"},
      {"ready, but somebody who is overdue is next", 'a', "", "a*", "b!a", "b"},
      {"starting, but the same", 'a', "", "a^", "a> b!a", "b"},
      {"somebody is overdue elsewhere", 'a', "", "a* c*", "b!c", ""},
      {"ready, but somebody came who must go", 'a', "c", "a c", "", "c"},
      {"both", 'a', "bc", "a c", "b!a", "bc"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const Facts facts{kNow, residents(c.residents), claims(c.claims)};
    EXPECT_EQ(displaced(model(c.target), models(c.evictions), facts), models(c.want));
  }
}

TEST(Decide, RejectInThisOrder) {
  struct Case {
    Admission admission;
    const char* want;
  };
  static const Case cases[] = {
      {{false, true, 9, 10}, ""},
      {{false, true, 10, 10}, "too_many"},
      {{false, true, 11, 10}, "too_many"},
      {{false, false, 10, 10}, "unknown_model"},
      {{true, false, 10, 10}, "shutting_down"},
  };
  for (const Case& c : cases) {
    const auto got = reject(c.admission);
    EXPECT_EQ(got ? reason(Decision{*got}) : "", c.want);
  }
}

}  // namespace
}  // namespace llama_swap::sched
