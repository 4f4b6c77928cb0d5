// Arguments of NOTIFY (RFC 5465 section 8) and ESEARCH (RFC 7377 section 3).
#include <algorithm>

#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

using Filter = MailboxFilter::Kind;

constexpr struct {
  std::string_view word;
  Filter kind;
} kFilters[] = {
    {"SELECTED", Filter::kSelected},      {"SELECTED-DELAYED", Filter::kSelectedDelayed},
    {"INBOXES", Filter::kInboxes},        {"PERSONAL", Filter::kPersonal},
    {"SUBSCRIBED", Filter::kSubscribed},  {"SUBTREE", Filter::kSubtree},
    {"SUBTREE-ONE", Filter::kSubtreeOne}, {"MAILBOXES", Filter::kMailboxes}};

constexpr struct {
  std::string_view word;
  unsigned event;
} kEvents[] = {{"MESSAGENEW", kMessageNew},
               {"MESSAGEEXPUNGE", kMessageExpunge},
               {"FLAGCHANGE", kFlagChange},
               {"MAILBOXNAME", kMailboxName},
               {"SUBSCRIPTIONCHANGE", kSubscriptionChange},
               {"MAILBOXMETADATACHANGE", kMailboxMetadataChange},
               {"SERVERMETADATACHANGE", kServerMetadataChange}};

// Messages here have no annotations, so AnnotationChange is not among them.
constexpr std::string_view kEventNames =
    "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
    "MailboxMetadataChange ServerMetadataChange)";

Parsed<> event(Cursor& in, NotifyGroup& group) {
  TRY_ASSIGN(const std::string word, in.keyword());
  const auto* const found =
      std::ranges::find_if(kEvents, [&](const auto& known) { return known.word == word; });
  if (found == std::ranges::end(kEvents))
    return in.no(std::string(kEventNames), "such events are not known here");
  group.events |= found->event;
  if (found->event == kMessageNew && in.peek() == ' ' && in.peek_second() == '(') {
    TRY(in.space());
    TRY_ASSIGN(group.items, parse_fetch_items(in));
  }
  return {};
}

// What section 5 and 6.1 allow together.
Parsed<> check(const Cursor& in, const NotifyGroup& group) {
  const unsigned messages = group.events & kMessageEvents;
  const unsigned both = kMessageNew | kMessageExpunge;
  if (messages != 0 && (messages & both) != both)
    return in.bad("MessageNew and MessageExpunge go together, and FlagChange with both");
  if (group.filter.is_selected() && group.events != messages)
    return in.bad("only message events for the selected mailbox");
  return {};
}

// event-group: "(" filter-mailboxes SP events ")".
Parsed<NotifyGroup> event_group(Cursor& in) {
  NotifyGroup group;
  TRY(in.expect('('));
  TRY_ASSIGN(group.filter, parse_mailbox_filter(in));
  if (group.filter.kind == Filter::kSubtreeOne) return in.bad("unknown mailbox filter");
  TRY(in.space());
  if (in.next_is_word("NONE")) {
    in.accept_text("NONE");
  } else {
    TRY(in.list(1, [&] { return event(in, group); }));
  }
  TRY(check(in, group));
  TRY(in.expect(')'));
  return group;
}

// Each is compared with each folder.
Parsed<> count_paths(const Cursor& in, const MailboxFilter& filter, std::size_t& paths) {
  paths += filter.paths.size();
  if (paths > in.limits().list_elements_max) return in.bad("too many mailboxes are named");
  return {};
}

}  // namespace

Parsed<MailboxFilter> parse_mailbox_filter(Cursor& in) {
  TRY_ASSIGN(const std::string word, in.keyword());
  const auto* const found =
      std::ranges::find_if(kFilters, [&](const auto& known) { return known.word == word; });
  if (found == std::ranges::end(kFilters)) return in.bad("unknown mailbox filter");
  MailboxFilter filter{found->kind, {}};
  if (filter.kind < Filter::kSubtree) return filter;
  TRY(in.space());
  const auto mailbox = [&]() -> Parsed<> {
    TRY_ASSIGN(std::string path, in.mailbox());
    filter.paths.push_back(std::move(path));
    return {};
  };
  if (in.peek() == '(') {
    TRY(in.list(1, mailbox));
  } else {
    TRY(mailbox());
  }
  return filter;
}

Parsed<Arguments> parse_notify(Cursor& in) {
  NotifyRequest notify;
  TRY_ASSIGN(const std::string form, in.keyword());
  if (form == "NONE") return notify;
  if (form != "SET") return in.bad("SET or NONE expected");
  TRY(in.space());
  notify.status = in.next_is_word("STATUS");
  if (notify.status) {
    in.accept_text("STATUS");
    TRY(in.space());
  }
  bool selected = false;
  std::size_t paths = 0;
  do {
    if (notify.groups.size() == in.limits().list_elements_max) return in.bad("list is too long");
    TRY_ASSIGN(NotifyGroup group, event_group(in));
    TRY(count_paths(in, group.filter, paths));
    if (group.filter.is_selected() && std::exchange(selected, true))
      return in.bad("the selected mailbox twice");
    notify.groups.push_back(std::move(group));
  } while (in.accept(' '));
  return notify;
}

// esearch = "ESEARCH" [SP "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"]
//           [SP search-return-opts] SP search-program. No scope option is known.
Parsed<Arguments> parse_esearch(Cursor& in) {
  MultiSearchRequest search;
  if (in.next_is_word("IN")) {
    in.accept_text("IN");
    TRY(in.space());
    std::size_t paths = 0;
    TRY(in.list(1, [&]() -> Parsed<> {
      TRY_ASSIGN(MailboxFilter source, parse_mailbox_filter(in));
      TRY(count_paths(in, source, paths));
      if (source.kind == Filter::kSelectedDelayed)
        return in.bad("SELECTED-DELAYED is no place to search");
      search.sources.push_back(std::move(source));
      return {};
    }));
    TRY(in.space());
  }
  TRY_ASSIGN(Arguments program, parse_search(in, true));
  search.search = std::get<SearchRequest>(std::move(program));
  if (!search.search.extended) search.search.extended = SearchReturn{.all = true};
  return search;
}

}  // namespace hauspost::imap
