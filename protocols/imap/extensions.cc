#include "protocols/imap/extensions.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace hauspost::imap {
namespace {

using enum Extension;

struct Row {
  Extension extension;
  std::string_view name;
  Extensions needs = {};
};

// In the order of the enumeration and of CAPABILITY. IMAP4rev2 holds much of the rest (RFC 9051
// appendix E): without one of these it could not be whole.
constexpr Row kTable[] = {
    {kRev2,
     "IMAP4rev2",
     {kEnable, kIdle, kNamespace, kUidPlus, kUnselect, kMove, kSpecialUse, kListExtended,
      kListStatus, kStatusSize, kEsearch, kSearchRes, kBinary, kLiteralMinus}},
    {kLiteralPlus, "LITERAL+"},
    {kLiteralMinus, "LITERAL-"},
    {kSaslIr, "SASL-IR"},
    {kId, "ID"},
    {kEnable, "ENABLE"},
    {kIdle, "IDLE"},
    {kNamespace, "NAMESPACE"},
    {kUidPlus, "UIDPLUS"},
    {kUnselect, "UNSELECT"},
    {kMove, "MOVE"},
    {kChildren, "CHILDREN"},
    {kSpecialUse, "SPECIAL-USE"},
    {kCreateSpecialUse, "CREATE-SPECIAL-USE", {kSpecialUse}},
    {kListExtended, "LIST-EXTENDED"},
    {kListStatus, "LIST-STATUS", {kListExtended}},
    {kStatusSize, "STATUS=SIZE"},
    {kEsearch, "ESEARCH"},
    {kSearchRes, "SEARCHRES", {kEsearch}},
    {kWithin, "WITHIN"},
    {kPartial, "PARTIAL", {kEsearch}},
    {kSort, "SORT"},
    {kSortDisplay, "SORT=DISPLAY", {kSort}},
    {kEsort, "ESORT", {kSort, kEsearch}},
    {kThreadSubject, "THREAD=ORDEREDSUBJECT"},
    {kThreadReferences, "THREAD=REFERENCES"},
    {kCondstore, "CONDSTORE"},
    {kQresync, "QRESYNC", {kCondstore, kEnable}},
    {kBinary, "BINARY"},
    {kMultiAppend, "MULTIAPPEND"},
    {kCatenate, "CATENATE"},
    {kReplace, "REPLACE"},
    {kObjectId, "OBJECTID"},
    {kSaveDate, "SAVEDATE"},
    {kPreview, "PREVIEW"},
    {kUtf8, "UTF8=ACCEPT", {kEnable}},
    {kUidOnly, "UIDONLY", {kEnable}},
    {kInProgress, "INPROGRESS"},
    {kCompress, "COMPRESS=DEFLATE"},
    {kQuota, "QUOTA"},
    {kQuotaStorage, "QUOTA=RES-STORAGE", {kQuota}},
    {kAppendLimit, "APPENDLIMIT"},
    {kMetadata, "METADATA"},
    {kListMetadata, "LIST-METADATA", {kMetadata, kListExtended}},
    {kNotify, "NOTIFY"},
    {kMultiSearch, "MULTISEARCH", {kEsearch}},
    {kAcl, "ACL"},
    {kAclRights, "RIGHTS=kxte", {kAcl}},
    {kListMyRights, "LIST-MYRIGHTS", {kAcl, kListExtended}},
    {kMessageLimit, "MESSAGELIMIT"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (static_cast<std::size_t>(kTable[i].extension) != i) return false;
  }
  return std::size(kTable) == static_cast<std::size_t>(kCount);
}
static_assert(in_order());

void add_item(StatusItem item, Extensions& used) {
  switch (item) {
    case StatusItem::kSize: used.add(kStatusSize); break;
    case StatusItem::kHighestModSeq: used.add(kCondstore); break;
    case StatusItem::kAppendLimit: used.add(kAppendLimit); break;
    case StatusItem::kMailboxId: used.add(kObjectId); break;
    case StatusItem::kDeletedStorage: used.add(kQuotaStorage); break;
    default: break;
  }
}

void add_item(const FetchItem& item, Extensions& used) {
  switch (item.attribute) {
    case FetchAttribute::kModSeq: used.add(kCondstore); break;
    case FetchAttribute::kSaveDate: used.add(kSaveDate); break;
    case FetchAttribute::kEmailId:
    case FetchAttribute::kThreadId: used.add(kObjectId); break;
    case FetchAttribute::kPreview: used.add(kPreview); break;
    case FetchAttribute::kBinary:
    case FetchAttribute::kBinarySize: used.add(kBinary); break;
    default: break;
  }
}

void add_set(const SequenceSet& set, Extensions& used) {
  if (set.saved) used.add(kSearchRes);
}

// The parser bounds how deep keys are nested.
void add_key(const SearchKey& key, Extensions& used) {
  add_set(key.set, used);
  switch (key.op) {
    case SearchOp::kModSeq: used.add(kCondstore); break;
    case SearchOp::kEmailId: used.add(kObjectId); break;
    case SearchOp::kOlder:
    case SearchOp::kYounger: used.add(kWithin); break;
    case SearchOp::kUidAfter:
    case SearchOp::kUidBefore: used.add(kMessageLimit); break;
    case SearchOp::kSavedBefore:
    case SearchOp::kSavedOn:
    case SearchOp::kSavedSince: used.add(kSaveDate); break;
    default: break;
  }
  for (const SearchKey& inner : key.keys) add_key(inner, used);
}

void add_return(const std::optional<SearchReturn>& wanted, Extensions& used) {
  if (!wanted) return;
  used.add(kEsearch);
  if (wanted->save) used.add(kSearchRes);
  if (wanted->partial) used.add(kPartial);
}

// One overload for each kind of arguments that can use an extension.
struct Uses {
  Extensions& used;

  template <class Other>
  void operator()(const Other&) const {}
  void operator()(const AppendRequest& append) const {
    if (append.messages.size() > 1) used.add(kMultiAppend);
    for (const AppendMessage& message : append.messages) (*this)(message);
  }
  void operator()(const AppendMessage& message) const {
    if (!message.parts.empty()) used.add(kCatenate);
    if (message.binary) used.add(kBinary);
    if (message.utf8) used.add(kUtf8);
  }
  void operator()(const CopyRequest& copy) const { add_set(copy.set, used); }
  void operator()(const CreateRequest& create) const {
    if (create.use != store::SpecialUse::kNone) used.add(kCreateSpecialUse);
  }
  void operator()(const ExpungeRequest& expunge) const {
    if (expunge.uids) add_set(*expunge.uids, used);
  }
  void operator()(const FetchRequest& fetch) const {
    add_set(fetch.set, used);
    for (const FetchItem& item : fetch.items) add_item(item, used);
    if (fetch.changed_since) used.add(kCondstore);
    if (fetch.vanished) used.add(kQresync);
    if (fetch.partial) used.add(kPartial);
  }
  void operator()(const ListRequest& list) const {
    if (list.extended) used.add(kListExtended);
    if (list.select_special_use || list.return_special_use) used.add(kSpecialUse);
    if (!list.return_status.empty()) used.add(kListStatus);
    if (!list.return_metadata.empty()) used.add(kListMetadata);
    if (list.return_my_rights) used.add(kListMyRights);
    for (const StatusItem item : list.return_status) add_item(item, used);
  }
  void operator()(const MultiSearchRequest& search) const { (*this)(search.search); }
  void operator()(const ReplaceRequest& replace) const { (*this)(replace.message); }
  void operator()(const SearchRequest& search) const {
    add_return(search.extended, used);
    add_key(search.key, used);
  }
  void operator()(const SelectRequest& select) const {
    if (select.condstore) used.add(kCondstore);
    if (select.resync) used.add(kQresync);
  }
  void operator()(const SortRequest& sort) const {
    (*this)(sort.search);
    if (sort.search.extended) used.add(kEsort);
    for (const SortCriterion& criterion : sort.criteria) {
      if (criterion.key == SortKey::kDisplayFrom || criterion.key == SortKey::kDisplayTo)
        used.add(kSortDisplay);
    }
  }
  void operator()(const StatusRequest& status) const {
    for (const StatusItem item : status.items) add_item(item, used);
  }
  void operator()(const StoreRequest& store) const {
    add_set(store.set, used);
    if (store.unchanged_since) used.add(kCondstore);
  }
  void operator()(const ThreadRequest& thread) const {
    (*this)(thread.search);
    used.add(thread.algorithm == ThreadAlgorithm::kReferences ? kThreadReferences
                                                              : kThreadSubject);
  }
};

}  // namespace

std::string_view name_of(Extension extension) {
  return kTable[static_cast<std::size_t>(extension)].name;
}

std::optional<Extension> extension_named(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kTable, [&](const Row& row) { return iequals(row.name, name); });
  if (found == std::ranges::end(kTable) || found->extension == kSaslIr) return std::nullopt;
  return found->extension;
}

Extensions with_dependents(Extensions off) {
  for (Extensions before; before != off;) {
    before = off;
    for (const Row& row : kTable) {
      if (off.has_any(row.needs)) off.add(row.extension);
    }
  }
  return off;
}

std::string names_of(Extensions extensions) {
  std::string out;
  for (const Row& row : kTable) {
    if (!extensions.has(row.extension)) continue;
    if (!out.empty()) out += ' ';
    out += row.name;
  }
  return out;
}

std::optional<Extension> extension_of(CommandName name, bool uid) {
  switch (name) {
    case CommandName::kCompress: return kCompress;
    case CommandName::kEnable: return kEnable;
    case CommandName::kEsearch: return kMultiSearch;
    case CommandName::kExpunge: return uid ? std::optional(kUidPlus) : std::nullopt;
    case CommandName::kDeleteAcl:
    case CommandName::kGetAcl:
    case CommandName::kListRights:
    case CommandName::kMyRights:
    case CommandName::kSetAcl: return kAcl;
    case CommandName::kGetMetadata:
    case CommandName::kSetMetadata: return kMetadata;
    case CommandName::kGetQuota:
    case CommandName::kGetQuotaRoot:
    case CommandName::kSetQuota: return kQuota;
    case CommandName::kId: return kId;
    case CommandName::kIdle: return kIdle;
    case CommandName::kMove: return kMove;
    case CommandName::kNamespace: return kNamespace;
    case CommandName::kNotify: return kNotify;
    case CommandName::kReplace: return kReplace;
    case CommandName::kSort: return kSort;
    case CommandName::kUnselect: return kUnselect;
    default: return std::nullopt;
  }
}

Extensions used_by(const Command& command) {
  Extensions used;
  if (const auto own = extension_of(command.name, command.uid)) used.add(*own);
  std::visit(Uses{used}, command.arguments);
  return used;
}

}  // namespace hauspost::imap
