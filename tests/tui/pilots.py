"""Which test pilots which action: once to its end, and once with bad input where it takes any.

`test_registry` sees to it that none is missing; that each says why it cannot be taken is tested there for all of them.
"""

HAPPY: dict[str, str] = {
    "endpoint.add": "test_endpoints_actions.py::test_add_with_consent_to_the_certificate",
    "endpoint.edit": "test_endpoints_actions.py::test_edit_sends_only_what_has_changed",
    "endpoint.test": "test_endpoints_actions.py::test_check_shows_what_it_finds_and_tries_it_out",
    "endpoint.remove": "test_endpoints_actions.py::test_remove_by_its_name",
    "lock.clear": "test_locks.py::test_the_claim_of_a_killed_process_is_shown_stale_and_cleared",
    "setting.flag": "test_settings.py::test_the_flag_is_switched_and_the_dialog_says_what_changes_and_when",
    "setting.edit": "test_settings.py::test_a_value_is_changed_after_old_and_new_were_seen",
    "setting.add": "test_settings.py::test_a_setting_is_added",
    "setting.remove": "test_settings.py::test_a_setting_is_removed_by_its_name_and_its_default_holds_again",
    "log.source": "test_logs.py::test_the_source_is_switched_and_back",
    "log.follow": "test_logs.py::test_the_log_is_followed",
    "export": "test_export.py::test_what_is_filtered_and_sorted_is_what_is_written",
}

BAD_INPUT: dict[str, str] = {
    "endpoint.add": "test_endpoints_actions.py::test_bad_input_is_told_at_its_field",
    "endpoint.edit": "test_endpoints_actions.py::test_bad_input_of_an_edit_changes_nothing",
    "endpoint.remove": "test_endpoints_actions.py::test_remove_by_its_name",
    "lock.clear": "test_locks.py::test_another_name_clears_nothing",
    "setting.edit": "test_settings.py::test_a_bad_value_is_refused_by_name_and_the_field_has_the_keys",
    "setting.add": "test_settings.py::test_an_unusable_name_is_refused",
    "setting.remove": "test_settings.py::test_a_setting_is_removed_by_its_name_and_its_default_holds_again",
    "export": "test_export.py::test_a_name_that_cannot_be_used_is_told_and_an_escape_writes_nothing",
}
