//! The list of cases.

/// Makes a test of every case for one backend.
///
/// `suite!(open)` or `suite!(open, lacks: [Lacks::Returning])`, where `open` is an [`Open`](crate::Open).
#[macro_export]
macro_rules! suite {
    ($open:expr) => {
        $crate::suite!($open, lacks: []);
    };
    ($open:expr, lacks: [$($lacks:expr),* $(,)?]) => {
        $crate::cases! { @tests $open, [$($lacks),*]; }
    };
}

/// Writes the list of cases once: as tests for a backend, and as names for the check that none is missing.
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($($how:tt)*) => {
        $crate::expand! { $($how)*
            types: [
                a_plain_value_of_every_type_comes_back,
                the_smallest_and_largest_integers_come_back,
                floats_come_back_to_the_last_digit,
                infinities_come_back,
                texts_come_back_with_every_character,
                bytes_come_back,
                dates_come_back_from_the_first_year_to_the_last,
                times_of_day_come_back_to_the_microsecond,
                local_times_come_back_to_the_microsecond,
                points_in_time_come_back_to_the_microsecond,
                digits_finer_than_a_microsecond_are_cut_off,
                uuids_come_back,
                json_comes_back,
                null_within_json_is_not_null,
                decimals_come_back_with_every_digit_and_their_scale,
                words_of_an_enum_come_back,
                newtypes_come_back_as_keys_and_as_columns,
                every_type_may_be_missing,
                every_type_can_be_selected_as_a_column,
                every_type_can_be_a_bound_value,
                integers_compare_as_numbers,
                floats_compare_as_numbers,
                truth_values_compare,
                texts_and_bytes_compare,
                dates_and_times_compare_in_the_order_of_time,
                uuids_enums_and_newtypes_compare,
                json_is_equal_to_itself,
                decimals_compare_by_value,
                decimals_of_different_scale_are_equal,
                decimals_of_different_scale_are_one_group,
                decimals_sort_by_value,
                aggregates_of_decimals_are_exact,
                the_mean_of_decimals_is_a_float,
                arithmetic_of_decimals_is_exact,
                decimals_divide,
                computed_decimals_compare_by_value,
                computed_decimals_sort_by_value,
                computed_decimals_of_different_scale_are_one_group,
                bound_decimals_compare_by_value,
                the_greatest_of_decimals_is_the_greatest_by_value,
                aggregated_decimals_compare_by_value,
                subqueries_of_decimals_compare_by_value,
                a_number_too_large_for_any_column_names_its_column,
                one_bad_row_among_many_leaves_none,
                a_transaction_goes_on_after_a_value_that_cannot_be_bound,
                a_filter_by_a_number_too_large_for_any_column_is_refused,
                nan_is_refused_and_names_its_column,
                null_for_a_plain_field_names_the_column_and_says_option,
                a_column_of_another_type_names_the_column_and_both_types,
                a_number_too_large_for_the_field_names_the_column,
                a_negative_number_for_an_unsigned_field_names_the_column,
                a_word_that_the_enum_lacks_is_named_with_those_it_has,
                json_of_another_form_names_the_column,
                a_row_that_cannot_be_read_leaves_the_transaction_usable,
                sql_by_hand_that_has_too_few_columns_says_so,
                now_is_the_same_throughout_a_statement,
                now_can_be_compared_with_a_column,
                rows_are_found_by_keys_of_every_kind,
            ],
            select: [
                a_model_is_read_back_as_it_was_written,
                columns_come_in_the_order_in_which_they_are_asked_for,
                a_single_column_is_a_row_by_itself,
                a_tuple_has_up_to_sixteen_members,
                tuples_nest,
                models_and_columns_stand_side_by_side,
                a_plain_value_can_be_selected,
                a_label_can_be_ordered_and_grouped_by,
                rows_can_be_read_as_a_struct_of_ones_own,
                distinct_leaves_out_rows_that_are_equal,
                get_finds_a_row_by_its_key_in_one_statement,
                get_gives_none_for_a_key_that_is_missing,
                get_takes_the_parts_of_a_composite_key,
                fetch_optional_gives_the_row_or_none,
                limit_and_offset_cut_the_sorted_rows,
                a_limit_of_zero_gives_no_row,
                a_limit_beyond_all_rows_gives_all_rows,
                count_is_the_number_of_rows_whatever_the_order_and_the_limit,
                count_of_joined_rows_counts_the_pairs,
                count_of_groups_is_refused,
                filters_are_joined_by_and,
                exclude_keeps_what_is_false_and_neither_true_nor_null,
                comparisons_mean_what_they_say,
                and_or_and_not_group_as_they_are_written,
                no_condition_at_all_is_true_of_and_and_false_of_or,
                many_conditions_can_be_joined,
                a_truth_value_is_a_condition_by_itself,
                a_comparison_can_be_selected,
                a_query_is_built_up_by_ordinary_code,
                a_clone_of_a_query_goes_its_own_way,
                comparing_with_none_asks_for_null,
                is_distinct_from_takes_null_for_a_value,
                both_ends_belong_to_between,
                two_columns_can_be_compared,
                nothing_is_in_an_empty_list_and_all_is_not_in_it,
                lists_hold_arrays_vectors_and_slices,
                a_list_may_have_forty_thousand_values,
                lists_of_any_length_have_the_same_text,
                a_list_may_be_a_subquery,
                not_in_a_subquery_with_a_null_is_true_of_no_row,
                a_subquery_can_be_compared_with,
                a_correlated_subquery_can_be_selected,
                exists_looks_at_the_row_around_it,
                a_subquery_that_gives_no_row_is_null,
                null_is_smaller_than_every_value,
                nulls_go_first_or_last_when_asked,
                an_outer_join_sorts_its_missing_rows_as_null,
                later_keys_sort_what_the_first_ones_leave_equal,
                an_order_can_be_put_together_when_the_program_runs,
                rows_are_grouped_and_groups_filtered,
                groups_can_be_sorted_by_an_aggregate,
                aggregates_of_no_row_are_none_and_their_count_is_zero,
                aggregates_leave_out_null,
                a_sum_of_integers_is_as_wide_as_it_must_be,
                a_sum_of_floats_is_a_float,
                an_aggregate_may_look_at_distinct_values_only,
                an_aggregate_may_have_a_filter_of_its_own,
                texts_of_a_group_are_joined_in_the_order_asked_for,
                a_group_may_be_an_expression,
                case_takes_the_first_condition_that_is_true,
                case_without_a_condition_is_its_otherwise,
                coalesce_gives_the_first_that_is_not_null,
                null_if_gives_null_for_one_value,
                greatest_and_least_leave_out_null,
                cast_changes_the_type,
                integers_divide_as_in_rust,
                floats_divide_as_in_rust,
                dividing_by_zero_is_null,
                operators_bind_as_in_rust,
                arithmetic_with_null_is_null,
                an_integer_that_overflows_is_an_error_and_never_wraps,
                numbers_are_rounded_with_halves_away_from_zero,
                like_tells_upper_from_lower_case,
                a_backslash_in_a_like_pattern_is_itself,
                text_to_look_for_has_no_wildcards_in_it,
                the_forms_with_an_i_take_upper_for_lower_case,
                equality_of_texts_tells_upper_from_lower_case,
                text_functions_do_as_they_are_called,
                length_and_substring_count_characters,
                texts_are_put_one_after_the_other,
                text_functions_of_null_are_null,
                a_fragment_of_sql_is_a_condition,
                a_fragment_of_sql_is_an_expression,
                a_statement_of_sql_gives_typed_rows,
                a_statement_of_sql_is_run,
                a_subquery_may_stand_in_sql,
                a_value_is_never_part_of_the_text,
                sql_whose_values_do_not_fit_its_places_is_refused,
                statements_of_one_shape_have_one_text,
                statements_that_differ_never_share_a_text,
                a_statement_shows_its_text_without_being_run,
                a_plan_is_shown_and_not_carried_out,
                an_aggregate_where_there_are_no_groups_is_refused,
                more_binds_than_allowed_are_refused,
            ],
            joins: [
                has_many_joins_each_row_with_its_children,
                belongs_to_joins_each_row_with_its_parent,
                has_one_joins_each_row_with_its_other,
                many_to_many_joins_through_the_table_between,
                joins_lead_from_table_to_table,
                the_table_between_can_be_read_too,
                a_left_join_keeps_rows_without_a_partner,
                a_column_on_the_outer_side_is_read_as_an_option,
                a_missing_row_read_without_option_says_how_to_read_it,
                a_condition_of_a_left_join_keeps_the_row_and_a_filter_does_not,
                a_left_join_through_a_table_between_keeps_rows_too,
                a_right_join_keeps_rows_of_the_joined_table,
                a_full_join_keeps_rows_of_both_tables,
                a_cross_join_gives_every_pair,
                counting_a_left_join_counts_no_missing_rows,
                a_join_may_have_any_condition,
                a_table_is_joined_with_itself_under_another_name,
                both_names_of_a_table_can_be_read_as_models,
                the_other_side_of_a_self_reference_is_joined,
                an_alias_has_the_relations_of_its_model,
                a_table_joined_twice_is_refused_with_the_mend,
                has_many_can_be_asked_about,
                belongs_to_can_be_asked_about,
                has_one_can_be_asked_about,
                many_to_many_can_be_asked_about,
                a_self_reference_can_be_asked_about,
                a_self_reference_without_an_alias_is_refused_with_the_mend,
                questions_nest,
                asking_gives_no_row_twice,
                a_column_of_a_table_not_in_from_names_the_relation_to_join,
                a_column_of_an_unrelated_table_says_that_a_condition_is_needed,
                a_column_of_an_alias_not_in_from_names_the_alias,
                a_statement_that_writes_sees_no_other_table,
                a_transaction_goes_on_after_a_statement_that_was_not_sent,
            ],
            insert: [
                a_struct_and_a_builder_insert_the_same_row,
                the_database_makes_a_key_that_is_not_given,
                a_key_that_is_given_is_kept,
                a_negative_key_is_a_key,
                keys_come_back_in_the_order_in_which_rows_were_given,
                returning_gives_models_columns_and_tuples,
                a_newtype_key_may_be_made_by_the_database,
                a_uuid_key_is_made_by_the_client,
                natural_and_composite_keys_are_given,
                a_row_without_any_value_is_inserted,
                a_skipped_field_is_not_written_and_reads_as_its_default,
                a_default_in_rust_is_sent_unless_a_value_is_given,
                a_default_of_the_server_is_made_unless_a_value_is_given,
                rows_with_different_columns_are_inserted_together_in_order,
                a_thousand_rows_are_a_few_statements,
                the_last_rows_take_a_statement_of_their_own,
                many_rows_have_few_texts,
                many_rows_stand_or_fall_together,
                many_rows_that_fail_leave_the_transaction_around_them_alone,
                many_rows_on_a_kept_connection_stand_or_fall_together,
                many_rows_that_are_returned_one_by_one_stand_or_fall_together,
                no_rows_are_no_statement,
                an_insert_can_be_cloned_and_run_again,
                a_row_that_is_refused_leaves_nothing,
            ],
            update: [
                only_rows_of_the_filter_are_changed_and_counted,
                a_filter_that_fits_no_row_changes_none,
                all_rows_are_changed_when_that_is_said,
                filters_of_an_update_are_joined_by_and,
                an_expression_sees_the_values_from_before,
                a_column_is_set_to_null_by_none,
                a_column_is_set_to_some_value,
                a_column_is_set_to_a_subquery,
                a_column_is_set_to_a_case,
                the_last_set_of_a_column_wins,
                a_key_can_be_changed,
                updated_rows_come_back_with_their_new_values,
                an_update_may_ask_about_a_relation,
                an_update_may_filter_by_a_subquery,
                an_update_that_sets_nothing_is_refused,
                an_update_that_fails_half_way_leaves_every_row_as_it_was,
                a_value_that_no_column_can_hold_changes_nothing,
                an_update_can_be_cloned_and_run_again,
            ],
            delete: [
                only_rows_of_the_filter_are_deleted_and_counted,
                a_filter_that_fits_no_row_deletes_none,
                all_rows_are_deleted_when_that_is_said,
                excluded_rows_stay,
                deleted_rows_come_back,
                a_delete_may_ask_about_a_relation,
                a_delete_may_filter_by_a_subquery,
                a_row_is_deleted_by_its_composite_key,
            ],
            transactions: [
                what_is_committed_lasts,
                what_is_rolled_back_is_undone,
                a_transaction_that_is_dropped_is_undone,
                a_transaction_sees_its_own_changes,
                others_see_the_state_from_before_until_it_is_committed,
                a_kept_connection_has_one_transaction_after_the_other,
                an_isolation_level_can_be_asked_for,
                a_read_only_transaction_reads,
                a_read_only_transaction_refuses_every_write,
                a_connection_can_write_again_after_a_read_only_transaction,
                a_reader_keeps_no_writer_waiting,
                an_inner_rollback_undoes_the_inner_changes_only,
                a_savepoint_that_is_dropped_is_undone,
                an_inner_commit_falls_with_the_outer_rollback,
                savepoints_nest_three_deep,
                an_error_in_a_savepoint_leaves_the_transaction_usable,
                a_closure_that_gives_ok_is_committed,
                a_closure_that_gives_an_error_is_undone,
                a_closure_may_have_an_error_of_its_own,
                a_closure_that_panics_is_undone,
                closures_nest,
                closures_with_captures_by_reference_run_on_another_task,
                a_function_runs_on_engine_connection_and_transaction,
                a_function_over_an_executor_runs_on_another_task,
                writers_wait_for_each_other,
                a_writer_that_gives_up_waiting_lets_the_next_one_in,
                a_transaction_dropped_at_any_point_leaves_the_connection_clean,
                a_begin_dropped_half_way_leaves_the_connection_clean,
                a_statement_dropped_half_way_leaves_the_connection_clean,
                a_commit_dropped_half_way_leaves_the_connection_clean,
                a_savepoint_dropped_half_way_leaves_the_transaction_as_it_was,
                a_closure_dropped_half_way_is_undone,
            ],
            pool: [
                as_many_connections_as_allowed_are_open_at_once,
                a_timeout_tells_of_the_pool,
                a_timeout_tells_who_holds_the_connections,
                connections_beyond_the_size_are_closed_when_they_come_back,
                connections_are_used_again,
                a_pool_of_no_size_lends_what_overflows,
                two_hundred_tasks_share_five_connections,
                two_hundred_transactions_share_five_connections,
                whoever_waits_longest_is_first,
                whoever_stops_waiting_takes_no_connection,
                a_task_that_panics_gives_its_connection_back,
                clones_of_an_engine_share_the_pool,
                data_outlives_the_connections,
                a_connection_that_is_tested_first_works,
                a_closed_engine_refuses,
                a_connection_in_use_is_closed_when_it_comes_back,
                whoever_waits_when_the_engine_is_closed_is_told,
            ],
            stream: [
                all_rows_come_in_order,
                a_stream_of_no_rows_ends_at_once,
                a_stream_is_a_stream_of_futures,
                a_stream_can_be_sent_to_another_task,
                nothing_is_sent_before_the_first_row_is_asked_for,
                few_rows_are_read_ahead,
                a_stream_that_is_dropped_gives_its_connection_back,
                a_stream_that_has_ended_gives_its_connection_back,
                a_row_that_cannot_be_read_ends_the_stream,
                a_statement_that_is_refused_is_the_only_row,
                a_stream_in_a_transaction_sees_its_changes,
                a_transaction_goes_on_after_a_stream_that_was_dropped,
                a_kept_connection_can_be_used_after_its_stream,
                a_row_is_written_and_returned_beside_a_stream,
                two_streams_run_side_by_side,
            ],
            errors: [
                a_duplicate_names_the_column_and_the_constraint,
                a_duplicate_key_names_the_column,
                a_duplicate_of_several_columns_names_all_of_them,
                a_key_that_points_nowhere_names_the_column_and_the_constraint,
                a_parent_that_is_still_pointed_at_cannot_go,
                the_child_is_named_when_its_parent_cannot_go,
                of_two_keys_the_broken_one_is_named,
                a_missing_value_names_the_column,
                a_broken_check_names_the_column_and_the_constraint,
                a_broken_check_of_a_row_names_the_constraint,
                the_place_of_an_error_says_what_the_database_said,
                every_error_is_one_line_unless_more_is_asked_for,
                a_missing_table_says_how_to_make_it,
                a_missing_column_is_named,
                text_that_is_no_sql_is_the_databases_error,
                one_row_is_asked_for_and_there_is_none,
                one_row_is_asked_for_and_there_are_more,
                a_transaction_goes_on_after_too_many_rows,
                an_error_shows_no_bound_value,
                a_duplicate_value_is_not_shown,
                an_error_shows_bound_values_when_that_is_asked_for,
                a_statement_shows_no_bound_value,
                a_word_that_the_enum_lacks_is_refused_by_the_table,
                an_item_that_is_its_own_whole_is_a_valid_key,
            ],
            schema: [
                tables_are_created_whatever_their_order,
                tables_that_point_at_each_other_are_created_and_dropped,
                creating_again_keeps_the_tables_and_their_rows,
                creating_adds_the_tables_that_are_missing,
                every_index_is_created,
                tables_are_dropped_with_their_rows,
                dropping_what_is_not_there_does_nothing,
                a_table_can_be_created_again_after_it_was_dropped,
                either_all_tables_are_created_or_none,
                a_table_of_every_type_is_created,
                a_unique_column_takes_null_more_than_once,
                a_unique_pair_may_agree_in_one_column,
                a_text_is_as_long_as_its_column_allows_and_not_longer,
                a_check_of_null_is_not_broken,
                children_go_with_their_parent,
                grandchildren_go_too,
                children_lose_their_parent,
                a_child_keeps_its_parent_from_going,
                children_follow_when_their_parents_key_changes,
                a_relation_by_a_text_key_is_joined_like_any_other,
                names_may_have_anything_in_them,
                odd_names_can_be_joined_aliased_labelled_and_dropped,
                a_violation_names_odd_names,
                reserved_words_are_names_like_any_other,
                names_keep_their_upper_case,
                a_name_of_two_hundred_letters_works_or_is_refused,
                a_nul_in_a_name_is_refused,
            ],
            echo: [
                a_listener_hears_the_text_and_the_rows,
                a_listener_hears_of_statements_that_fail,
                a_listener_hears_of_statements_in_transactions_and_on_connections,
                a_listener_hears_of_a_stream_when_it_ends,
                a_listener_hears_no_bound_value,
                a_listener_hears_bound_values_when_they_are_shown,
                every_listener_hears_every_statement,
            ],
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! expand {
    (@names $($area:ident: [$($case:ident),* $(,)?],)*) => {
        &[$((stringify!($area), &[$(stringify!($case)),*])),*]
    };
    (@tests $open:expr, $lacks:expr; $($area:ident: $cases:tt,)*) => {
        $( mod $area { #[allow(unused_imports, reason = "the opener may be named by a path")] use super::*; $crate::expand! { @area $area, $open, $lacks, $cases } } )*
    };
    (@area $area:ident, $open:expr, $lacks:expr, [$($case:ident),* $(,)?]) => {
        $crate::expand! { @each $area, $open, $lacks, $($case)* }
    };
    (@each $area:ident, $open:expr, $lacks:expr, $($case:ident)*) => {
        $( $crate::expand! { @one $area, $open, $lacks, $case } )*
    };
    (@one $area:ident, $open:expr, $lacks:expr, $case:ident) => {
        #[test]
        fn $case() -> $crate::TestResult {
            let runtime = $crate::__private::tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let db = $crate::TestDb::open($open, &$lacks).await;
                $crate::cases::$area::$case(&db).await
            })
        }
    };
}

#[cfg(test)]
mod tests {
    /// Every `pub async fn` of a case file must be in the list: a case that is not run proves nothing.
    #[test]
    fn every_case_is_in_the_list() {
        let listed: &[(&str, &[&str])] = crate::cases! { @names };
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
        let mut written = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the folder of cases") {
            let path = entry.expect("an entry").path();
            let area = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default()
                .to_owned();
            let text = std::fs::read_to_string(&path).expect("a case file");
            for line in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = line.split('(').next().unwrap_or_default();
                written.push(format!("{area}::{name}"));
            }
        }
        let listed = listed
            .iter()
            .flat_map(|(area, names)| names.iter().map(move |name| format!("{area}::{name}")));
        let mut listed: Vec<String> = listed.collect();
        listed.sort();
        written.sort();
        assert_eq!(written, listed);
    }
}
