// One function per command's arguments; the command's name and the space behind it are taken
// already, and the caller checks that nothing is left. For command_parser.cc alone.
#pragma once

#include "protocols/imap/command.h"
#include "protocols/imap/cursor.h"

namespace hauspost::imap {

Parsed<Arguments> parse_acl_identifier(Cursor& in);  // mailbox and identifier
Parsed<Arguments> parse_acl_mailbox(Cursor& in);
Parsed<Arguments> parse_append(Cursor& in);
Parsed<Arguments> parse_authenticate(Cursor& in);
Parsed<Arguments> parse_compress(Cursor& in);
Parsed<Arguments> parse_copy(Cursor& in, bool uid);
Parsed<Arguments> parse_create(Cursor& in);
Parsed<Arguments> parse_enable(Cursor& in);
Parsed<Arguments> parse_esearch(Cursor& in);
Parsed<Arguments> parse_fetch(Cursor& in, bool uid);
Parsed<Arguments> parse_getmetadata(Cursor& in);
Parsed<Arguments> parse_getquota(Cursor& in);
Parsed<Arguments> parse_getquotaroot(Cursor& in);
Parsed<Arguments> parse_id(Cursor& in);
Parsed<Arguments> parse_list(Cursor& in);
Parsed<Arguments> parse_login(Cursor& in);
Parsed<Arguments> parse_lsub(Cursor& in);
Parsed<Arguments> parse_mailbox(Cursor& in);
Parsed<Arguments> parse_notify(Cursor& in);
Parsed<Arguments> parse_rename(Cursor& in);
Parsed<Arguments> parse_replace(Cursor& in, bool uid);
Parsed<Arguments> parse_search(Cursor& in, bool uid);
Parsed<Arguments> parse_select(Cursor& in);
Parsed<Arguments> parse_setmetadata(Cursor& in);
Parsed<Arguments> parse_setacl(Cursor& in);
Parsed<Arguments> parse_setquota(Cursor& in);
Parsed<Arguments> parse_sort(Cursor& in, bool uid);
Parsed<Arguments> parse_status(Cursor& in);
Parsed<Arguments> parse_store(Cursor& in, bool uid);
Parsed<Arguments> parse_thread(Cursor& in, bool uid);

// section-spec (RFC 3501 section 9): what stands between the brackets of BODY[].
Parsed<mime::Section> parse_section(Cursor& in);

// "(" fetch-att *(SP fetch-att) ")", without macros.
Parsed<std::vector<FetchItem>> parse_fetch_items(Cursor& in);

// entries (RFC 5464 section 5): one, or several in parentheses.
Parsed<std::vector<std::string>> parse_metadata_entries(Cursor& in);

// filter-mailboxes (RFC 5465 section 8, RFC 7377 section 2.2).
Parsed<MailboxFilter> parse_mailbox_filter(Cursor& in);

// "(" [search-return-opt *(SP search-return-opt)] ")", shared by SEARCH and SORT.
Parsed<SearchReturn> parse_search_return(Cursor& in);
// charset 1*(SP search-key), shared by SORT and THREAD.
Parsed<> parse_search_criteria(Cursor& in, SearchRequest& request);

// "(" status-att *(SP status-att) ")", shared by STATUS and LIST ... RETURN (STATUS ...).
Parsed<std::vector<StatusItem>> parse_status_items(Cursor& in);

}  // namespace hauspost::imap
