(** What a plan that was read holds: blocks in order, steps about blocks that have come, maps prepared with the bits
    that steps use. *)
From Coq Require Import ZArith Reals String List Bool Lia.
From Certify Require Import vectors syntax floats maps plans semantics result graph elaborate reading replay replay_rules.
From Certify.rules Require Import quadratic.
Import ListNotations.
Open Scope bool_scope.

(** ** Prepared maps *)

Lemma prepare_all_ok bits blocks maps : prepare_all bits blocks = Ok maps ->
  List.length maps = List.length blocks
  /\ forall b, (b < List.length blocks)%nat -> prepare_block bits (nth b blocks no_block) = Some (nth b maps []).
Proof.
  revert maps. unfold prepare_all. induction blocks as [|blk blocks IH]; simpl; intros maps H.
  - injection H as <-. split; [reflexivity | intros; lia].
  - apply bind_ok in H. destruct H as (m & M & H). apply get_ok in M. apply bind_ok in H. destruct H as (ms & R & H).
    injection H as <-. destruct (IH ms R) as [L I]. split; [simpl; lia|].
    intros [|b] Hb; [exact M | apply I; lia].
Qed.

Lemma prepare_steps_ok blocks qs : forall l l', prepare_steps blocks qs l = Ok l' ->
  (forall q m, known_bits q l = Some m -> prepare_all q blocks = Ok m) ->
  (forall q m, known_bits q l' = Some m -> prepare_all q blocks = Ok m)
  /\ (forall q, In q qs \/ In q (map fst l) -> In q (map fst l')).
Proof.
  induction qs as [|q qs IH]; simpl; intros l l' H K.
  - injection H as <-. split; [exact K | intros q [[] | I]; exact I].
  - destruct (known_bits q l) as [m|] eqn:E.
    + destruct (IH l l' H K) as [A B]. split; [exact A|].
      assert (Q : In q (map fst l)).
      { clear - E. induction l as [|[k p] t I]; simpl in *; [discriminate|].
        destruct (Z.eqb_spec k q); [auto | right; auto]. }
      intros q' [[<- | I] | I]; apply B; auto.
    + apply bind_ok in H. destruct H as (p & P & H).
      destruct (IH ((q, p) :: l) l' H) as [A B].
      { simpl. intros q' m' E'. destruct (Z.eqb_spec q q') as [<- | N]; [congruence | auto]. }
      split; [exact A|]. intros q' [[<- | I] | I]; apply B; simpl; auto.
Qed.

Lemma known_bits_in q l : In q (map fst l) -> exists m, known_bits q l = Some m.
Proof.
  induction l as [|[k p] t IH]; simpl; [contradiction|]. intros [-> | I]; [rewrite Z.eqb_refl; eauto|].
  destruct (k =? q)%Z; eauto.
Qed.

(** ** Steps *)

Section Steps.

Variable ct : context.
Variable rows : nat.
Variable words : plan_words.

(** Any property that nothing has and that every line which adds a block keeps. *)
Variable built : building -> Prop.
Hypothesis built_nothing : built nothing.
Hypothesis built_node : forall bu n i scale bu', built bu -> read_node ct bu n i scale = Ok bu' -> built bu'.
Hypothesis built_direct : forall bu u w sg scale bu', built bu -> read_pair_direct ct bu u w sg scale = Ok bu' -> built bu'.
Hypothesis built_relu : forall bu u w sg scale inner bu', built bu ->
  read_pair_relu ct bu u w sg scale inner = Ok bu' -> built bu'.
Hypothesis built_affine : forall bu u w sg scale eu ew ms bu', built bu ->
  read_pair_affine ct bu u w sg scale eu ew ms = Ok bu' -> built bu'.

(** Blocks are only added, one at a time. *)
Definition grows (bu bu' : building) : Prop := exists b n k, bu' = add_block bu b n k.

Lemma node_grows bu n i scale bu' : read_node ct bu n i scale = Ok bu' -> grows bu bu'.
Proof.
  unfold read_node. intros H. apply bind_ok in H. destruct H as (at_ & _ & H). apply bind_ok in H. destruct H as (u & _ & H).
  destruct (node_of ct at_) as [size second | size terms bias times | size v | size v].
  - injection H as <-. unfold grows; eauto.
  - apply bind_ok in H. destruct H as (vs & _ & H). apply bind_ok in H. destruct H as (b & _ & H). injection H as <-.
      unfold grows; eauto.
  - apply bind_ok in H. destruct H as (vs & _ & H). apply bind_ok in H. destruct H as (b & _ & H). injection H as <-.
      unfold grows; eauto.
  - apply bind_ok in H. destruct H as (vs & _ & H). apply bind_ok in H. destruct H as (b & _ & H). injection H as <-.
      unfold grows; eauto.
Qed.

Lemma direct_grows bu u w sg scale bu' : read_pair_direct ct bu u w sg scale = Ok bu' -> grows bu bu'.
Proof.
  unfold read_pair_direct. intros H. apply bind_ok in H. destruct H as ([[fine coarse] l] & _ & H).
  injection H as <-. unfold grows; eauto.
Qed.

Lemma relu_grows bu u w sg scale inner bu' : read_pair_relu ct bu u w sg scale inner = Ok bu' -> grows bu bu'.
Proof.
  unfold read_pair_relu. intros H. apply bind_ok in H. destruct H as ([[fine coarse] l] & _ & H).
  apply bind_ok in H. destruct H as (i & _ & H).
  destruct (bk_kind fine); try discriminate. destruct (bk_kind coarse); try discriminate.
  destruct (pair_of i) as [[[x' y'] s]|]; try discriminate.
  apply bind_ok in H. destruct H as (z & _ & H). injection H as <-. unfold grows; eauto.
Qed.

Lemma affine_grows bu u w sg scale eu ew ms bu' : read_pair_affine ct bu u w sg scale eu ew ms = Ok bu' -> grows bu bu'.
Proof.
  unfold read_pair_affine. intros H. apply bind_ok in H. destruct H as ([[fine coarse] l] & _ & H).
  apply bind_ok in H. destruct H as ([[us bias_u] key_u] & _ & H).
  apply bind_ok in H. destruct H as ([[ws bias_w] key_w] & _ & H).
  apply bind_ok in H. destruct H as ([[terms used_u] used_w] & _ & H).
  apply bind_ok in H. destruct H as (rest & _ & H). apply bind_ok in H. destruct H as (all & _ & H).
  injection H as <-. unfold grows; eauto.
Qed.

Lemma grows_length bu bu' : grows bu bu' -> List.length (bu_blocks bu') = S (List.length (bu_blocks bu))
  /\ forall b, (b < List.length (bu_blocks bu))%nat -> nth b (bu_blocks bu') no_block = nth b (bu_blocks bu) no_block.
Proof.
  intros (b & n & k & ->). simpl. rewrite app_length. simpl. split; [lia|]. intros i I. apply app_nth1. exact I.
Qed.

(** Steps in reverse, of a plan whose blocks so far are [blocks] and will begin so. *)
Definition rows_fit (blocks : list block) (b : nat) (rs : option (list nat)) : Prop :=
  match rs with None => True | Some l => Forall (fun i => (i < bk_size (nth b blocks no_block))%nat) l end.

Fixpoint steps_fit (blocks : list block) (n : nat) (steps : list step) : Prop :=
  match steps with
  | [] => n = 0%nat
  | SBlock _ :: rest => match n with O => False | S m => steps_fit blocks m rest end
  | SBackward b c q rs _ :: rest => (b < n)%nat /\ (0 <= c)%Z /\ (0 <= q)%Z /\ rows_fit blocks b rs /\ steps_fit blocks
    n rest
  end.

Lemma steps_fit_more blocks blocks' : (forall b,
  (b < List.length blocks)%nat -> nth b blocks' no_block = nth b blocks no_block) ->
  forall steps n, (n <= List.length blocks)%nat -> steps_fit blocks n steps -> steps_fit blocks' n steps.
Proof.
  intros E. induction steps as [|[b | b c q rs h] steps IH]; simpl; intros n L H; [exact H | |].
  - destruct n; [exact H|]. apply IH; [lia | exact H].
  - destruct H as (B & C & Q & R & H). repeat split; auto. unfold rows_fit in *. destruct rs; [|exact I].
    rewrite E by lia. exact R.
Qed.

Definition good (r : reading) : Prop :=
  built (rd_bu r) /\ steps_fit (bu_blocks (rd_bu r)) (List.length (bu_blocks (rd_bu r))) (rd_steps r).

Lemma add_read_good r bu : good r -> built bu -> grows (rd_bu r) bu -> good (add_read r bu).
Proof.
  intros [_ S] B G. split; [exact B|]. destruct (grows_length _ _ G) as [L E]. cbn [add_read rd_bu rd_steps].
  rewrite L. simpl. eapply steps_fit_more; [exact E | lia | exact S].
Qed.

Lemma read_rows_fit s size rs l : read_rows s size rs = Ok l ->
  match l with None => True | Some l => Forall (fun i => (i < size)%nat) l end.
Proof.
  destruct rs as [| |t]; simpl; intros H.
  - injection H as <-. apply Forall_forall. intros i I. apply in_seq in I. lia.
  - injection H as <-. exact I.
  - apply bind_ok in H. destruct H as (z & Z0 & H). apply bind_ok in H. destruct H as (u & N & H). injection H as <-.
    unfold indices_at in Z0. apply bind_ok in Z0. destruct Z0 as (z' & _ & Z0). apply bind_ok in Z0.
      destruct Z0 as (u' & R & Z0).
    injection Z0 as ->. apply need_ok in R. apply need_ok in N. apply andb_true_iff in N. destruct N as [N _].
    rewrite forallb_forall in R, N. apply Forall_forall. intros i I. apply in_map_iff in I. destruct I as (x & <- & I).
    specialize (R x I). specialize (N x I). apply andb_true_iff in R. destruct R as [_ R].
    apply Z.ltb_lt in R. apply Z.leb_le in N. lia.
Qed.

Lemma same_good r r' : good r -> rd_bu r' = rd_bu r -> rd_steps r' = rd_steps r -> good r'.
Proof. intros [B S] E1 E2. split; rewrite ?E1, ?E2; assumption. Qed.

Lemma read_step_good r w r' : good r -> read_step ct rows words r w = Ok r' -> good r'.
Proof.
  intros G H. pose proof G as [B S]. destruct w; cbn [read_step] in H.
  - apply bind_ok in H. destruct H as (bu & E & H). injection H as <-. apply add_read_good; eauto using node_grows.
  - apply bind_ok in H. destruct H as (bu & E & H). injection H as <-. apply add_read_good; eauto using direct_grows.
  - apply bind_ok in H. destruct H as (bu & E & H). injection H as <-. apply add_read_good; eauto using relu_grows.
  - apply bind_ok in H. destruct H as (bu & E & H). injection H as <-. apply add_read_good; eauto using affine_grows.
  - unfold read_backward in H. apply bind_ok in H. destruct H as (blk & E & H). apply get_ok in E.
    apply bind_ok in H. destruct H as (z & N & H). apply need_ok in N. apply andb_true_iff in N. destruct N as [N1 N2].
    apply Z.leb_le in N1, N2.
    apply bind_ok in H. destruct H as (chosen & C & H). apply read_rows_fit in C.
    apply bind_ok in H. destruct H as (h & _ & H). injection H as <-. split; [exact B|]. cbn [rd_bu rd_steps steps_fit].
    assert (L : (b < List.length (bu_blocks (rd_bu r)))%nat) by (apply nth_error_Some; congruence).
    repeat split; auto. unfold rows_fit. destruct chosen; [|exact I]. rewrite (nth_error_nth _ _ _ E). exact C.
  - apply bind_ok in H. destruct H as (z & _ & H). injection H as <-. eapply same_good; eauto.
  - apply bind_ok in H. destruct H as (z & _ & H). injection H as <-. eapply same_good; eauto.
  - apply bind_ok in H. destruct H as (z & _ & H). unfold read_coordinates in H.
    apply bind_ok in H. destruct H as (blk & _ & H). apply bind_ok in H. destruct H as (z1 & _ & H).
    apply bind_ok in H. destruct H as (z2 & _ & H). apply bind_ok in H. destruct H as (z3 & _ & H).
    destruct (_ <? _)%Z; [discriminate|]. injection H as <-. eapply same_good; eauto.
  - apply bind_ok in H. destruct H as (z & _ & H). unfold read_fact in H.
    apply bind_ok in H. destruct H as (blk & _ & H). apply bind_ok in H. destruct H as (z1 & _ & H).
    apply bind_ok in H. destruct H as (z2 & _ & H). injection H as <-. eapply same_good; eauto.
  - apply bind_ok in H. destruct H as (z & _ & H). unfold read_product in H.
    apply bind_ok in H. destruct H as (blk & _ & H). apply bind_ok in H. destruct H as (z1 & _ & H).
    apply bind_ok in H. destruct H as (z2 & _ & H). apply bind_ok in H. destruct H as (z3 & _ & H).
    injection H as <-. eapply same_good; eauto.
  - apply bind_ok in H. destruct H as (z & _ & H). unfold read_form in H.
    apply bind_ok in H. destruct H as (z0 & _ & H). apply bind_ok in H. destruct H as (z1 & _ & H).
    apply bind_ok in H. destruct H as (z2 & _ & H). injection H as <-. eapply same_good; eauto.
  - discriminate.
Qed.

(** What [replay_rules] asks of steps in order. *)
Lemma steps_ok_rev p : forall steps n more, steps_fit (blocks p) n steps -> (n <= List.length (blocks p))%nat ->
  (forall q, In q (flat_map bits_of steps) -> In q (map fst (pl_by_bits p))) ->
  steps_ok p n more -> steps_ok p 0 (rev steps ++ more).
Proof.
  induction steps as [|[b | b c q rs h] steps IH]; intros n more F L Q M; simpl in F.
  - subst n. exact M.
  - destruct n as [|m]; [contradiction|]. simpl. rewrite <- app_assoc. apply (IH m); [exact F | lia | exact Q|].
    simpl. split; [lia | exact M].
  - destruct F as (B & C & Q0 & R & F). simpl. rewrite <- app_assoc. apply (IH n); [exact F | exact L | |].
    + intros q' I. apply Q. simpl. auto.
    + simpl. split; [exact B|]. split; [exact L|]. split; [exact C|]. split; [apply Q; simpl; auto|].
        split; [exact R | exact M].
Qed.

Record plan_ok (p : plan) : Prop := {
  ok_built : built (pl_building p);
  ok_steps : steps_ok p 0 (pl_steps p);
  ok_forward_bits : (0 <= pl_forward_bits p)%Z;
  ok_constant_bits : (0 <= pl_constant_bits p)%Z;
  ok_c : (0 <= pl_c p)%Z;
  ok_forward : prepare_all (pl_forward_bits p) (blocks p) = Ok (pl_forward p);
  ok_constant : prepare_all (pl_constant_bits p) (blocks p) = Ok (pl_constant p);
  ok_bits : forall q, In q (map fst (pl_by_bits p)) -> prepare_all q (blocks p) = Ok (maps_at p q);
  ok_bits_positive : forall q, In q (map fst (pl_by_bits p)) -> (0 <= q)%Z;
  ok_q : In (pl_q p) (map fst (pl_by_bits p));
  ok_out_f : block_of (pl_building p) (gr_out_f (ct_graph ct)) = Ok (pl_out_f p);
  ok_out_g : match gr_out_g (ct_graph ct) with
             | None => pl_out_g p = None
             | Some o => exists b, pl_out_g p = Some b /\ block_of (pl_building p) o = Ok b
             end
}.

Lemma finish_ok r c q p : good r -> finish ct rows words r c q = Ok p -> plan_ok p.
Proof.
  intros [B S] H. unfold finish in H.
  apply bind_ok in H. destruct H as (u & N & H). apply need_ok in N. rewrite !andb_true_iff in N.
  destruct N as (((N1 & N2) & N3) & N4). apply Z.leb_le in N1, N2, N3, N4.
  apply bind_ok in H. destruct H as (u1 & N & H). apply need_ok in N. apply Nat.eqb_eq in N.
  apply bind_ok in H. destruct H as (h & _ & H). apply bind_ok in H. destruct H as (f & F & H).
  apply bind_ok in H. destruct H as (g & G & H). apply bind_ok in H. destruct H as (fw & FW & H).
  apply bind_ok in H. destruct H as (co & CO & H). apply bind_ok in H. destruct H as (by_ & BY & H).
  apply bind_ok in H. destruct H as (u2 & BP & H). apply need_ok in BP. rewrite forallb_forall in BP. injection H as <-.
  destruct (prepare_steps_ok _ _ _ _ BY) as [P1 P2]; [simpl; discriminate|].
  assert (QQ : forall q', q' = q \/ In q' (flat_map bits_of (rev (rd_steps r))) -> In q' (map fst by_)).
  { intros q' I. apply P2. left. simpl. destruct I; auto. }
  constructor; cbn -[steps_ok prepare_all block_of]; auto.
  - match goal with |- steps_ok ?pp _ _ => set (pl := pp) end.
    rewrite <- (app_nil_r (rev (rd_steps r))).
      apply (steps_ok_rev pl _ (List.length (bu_blocks (rd_bu r)))); [exact S | apply Nat.le_refl | | reflexivity].
    intros q' I. apply QQ. right. rewrite in_flat_map in I |- *. destruct I as (s & I1 & I2). exists s.
      split; [apply in_rev in I1; exact I1 | exact I2].
  - intros q' I. unfold maps_at; cbn [pl_by_bits]. destruct (known_bits_in _ _ I) as (m & E). rewrite E. apply P1. exact E.
  - intros q' I. apply in_map_iff in I. destruct I as (pp & <- & I). apply Z.leb_le, BP, I.
  - destruct (gr_out_g (ct_graph ct)) as [o|]; [|injection G as <-; reflexivity].
    apply bind_ok in G. destruct G as (b & E & G). injection G as <-. eauto.
Qed.

Theorem read_plan_ok p : read_plan ct rows words = Ok p -> plan_ok p.
Proof.
  unfold read_plan. intros H. apply bind_ok in H. destruct H as (u & _ & H).
  match type of H with read_steps _ _ _ ?r0 _ = _ => assert (G : good r0) by (split; [exact built_nothing | reflexivity]);
    generalize dependent r0 end.
  induction (pw_steps words) as [|w l IH]; intros r H G; simpl in H; [discriminate|].
  assert (R : forall r', read_step ct rows words r w = Ok r' -> read_steps ct rows words r' l = Ok p -> plan_ok p).
  { intros r' E H'. apply (IH r' H'). eapply read_step_good; eauto. }
  destruct w; try (apply bind_ok in H; destruct H as (r' & E & H); eapply R; eauto; fail).
  destruct l as [|w' l']; [eapply finish_ok; eauto | apply bind_ok in H; destruct H as (r' & E & H); discriminate].
Qed.

End Steps.
