(** What the decoded maps of the graph mean: each encloses the map of its words. *)
From Coq Require Import ZArith Reals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps map_rules plans semantics result graph elaborate.
Import ListNotations.
Open Scope R_scope.

(** ** Sizes *)

Lemma flat_map_repeat_length {A} r (l : list A) : length (flat_map (fun a => repeat a r) l) = (length l * r)%nat.
Proof. induction l as [|a l IH]; simpl; [reflexivity|]. rewrite app_length, repeat_length, IH. lia. Qed.

Lemma flat_map_length {A B} (f : A -> list B) k l : (forall a, In a l -> length (f a) = k) ->
  length (flat_map f l) = (length l * k)%nat.
Proof.
  induction l as [|a l IH]; simpl; intros H; [reflexivity|].
  rewrite app_length, IH by (intros; apply H; right; assumption). rewrite H by (left; reflexivity). reflexivity.
Qed.

Lemma indices_length b : length (indices b) = prod_nat b.
Proof.
  induction b as [|n b IH]; simpl; [reflexivity|].
  rewrite (flat_map_length _ (prod_nat b)); [rewrite seq_length; reflexivity|].
  intros; rewrite map_length; exact IH.
Qed.

Lemma chunk_length {A} count n (l : list A) : length (chunk count n l) = count.
Proof. revert l; induction count as [|c IH]; intros l; simpl; [reflexivity | rewrite IH; reflexivity]. Qed.

Lemma map2_length {A B C} (f : A -> B -> C) a : forall b, length (map2 f a b) = Nat.min (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; auto. Qed.

Lemma conv_rows_length {A} g (w : list A) : geometry_ok g = true ->
  length (conv_rows g w) = (cv_out g * prod_nat (conv_outputs g))%nat.
Proof.
  intros G. unfold conv_rows. set (per := (cv_in g / cv_groups g * prod_nat (cv_kernel g))%nat).
  set (outs := (cv_out g / cv_groups g)%nat).
  assert (N : (cv_groups g * outs = cv_out g)%nat).
  { unfold geometry_ok in G.
    repeat match goal with H : (_ && _)%bool = true |- _ => apply andb_prop in H; destruct H end.
    match goal with H : all_positive [cv_groups g; cv_in g; cv_out g] = true |- _ => 
      cbn [all_positive forallb] in H; apply andb_prop in H; destruct H as [P _]; apply Nat.leb_le in P end.
    match goal with H : (cv_out g mod cv_groups g =? 0)%nat = true |- _ => apply Nat.eqb_eq in H; rename H into M end.
    subst outs. rewrite (Nat.div_mod (cv_out g) (cv_groups g)) at 2 by lia. lia. }
  assert (L : forall (F : nat -> list A -> list (row A)) (k : nat) (a : list nat) b, (forall q x, length (F q x) = k) ->
     length (concat (map2 F a b)) = (Nat.min (length a) (length b) * k)%nat).
  { intros F k a; induction a as [|x a IH]; intros [|y b] H; simpl; auto. rewrite app_length, H, IH by assumption. lia. }
  rewrite (L _ (outs * prod_nat (conv_outputs g))%nat).
  - rewrite seq_length, chunk_length, Nat.min_id. lia.
  - intros q x. rewrite (flat_map_length _ (prod_nat (conv_outputs g))); [rewrite chunk_length; reflexivity|].
    intros; rewrite !map_length; apply indices_length.
Qed.

Lemma Forall2_same_length {A B} (P : A -> B -> Prop) a b : Forall2 P a b -> length a = length b.
Proof. induction 1; simpl; auto. Qed.

(** ** Maps *)


Lemma identity_means n : fm_means (identity_map n) (instance (PDiag 1) (repeat 1 n)).
Proof.
  exists (repeat 1 n). split; [|reflexivity]. simpl. induction n as [|n IH]; simpl; constructor; [lra | exact IH].
Qed.


Lemma is_zero_cons a l : is_zero_list (a :: l) = true -> a = 0%Z /\ is_zero_list l = true.
Proof.
  change (is_zero_list (a :: l)) with ((0 =? a)%Z && is_zero_list l)%bool. intros H. apply andb_prop in H.
  destruct H as [H1 H2]. apply Z.eqb_eq in H1. auto.
Qed.

(** Bounds that are rounded outward to fewer bits, or are zero, hold at those bits. *)
Lemma coarsened_low lo hi h bits v : within lo hi (map (fun x => x * pow2 h) v) ->
  (bits <= h)%Z \/ (is_zero_list lo = true /\ is_zero_list hi = true) ->
  within (fst (coarsened lo hi h bits)) (snd (coarsened lo hi h bits)) (map (fun x => x * pow2 bits) v).
Proof.
  intros W C. unfold coarsened. set (k := Z.max 0 (h - bits)).
  assert (P : pow2 bits = pow2 h * pow2 (bits - h)) by (rewrite <- bpow_plus; f_equal; lia).
  destruct C as [C | [C1 C2]].
  - destruct (Z.eqb_spec k 0) as [K | K]; simpl.
    + assert (bits = h) by lia. subst bits. exact W.
    + assert (Hk : k = (h - bits)%Z) by lia. remember (map (fun x => x * pow2 h) v) as u eqn:U. revert v U.
      induction W as [|l u' x lo hi v' B W IH]; intros [|y v] U; try discriminate; simpl; constructor.
      * injection U as U1 U2; subst x. rewrite P, Hk, <- Rmult_assoc.
        replace (bits - h)%Z with (- (h - bits))%Z by lia. split.
        -- eapply Rle_trans; [apply (shift_down_le l (- (h - bits)))|].
           ++ apply Rmult_le_compat_r; [apply bpow_ge_0 | apply B].
        -- eapply Rle_trans; [|apply (shift_up_ge u' (- (h - bits)))].
           apply Rmult_le_compat_r; [apply bpow_ge_0 | apply B].
      * injection U as U1 U2. apply IH; assumption.
  - assert (Z0 : Forall (fun y => y = 0) v).
    { remember (map (fun x => x * pow2 h) v) as u eqn:U. revert v U C1 C2.
      induction W as [|l u' x lo hi v' B W IH]; intros [|y v] U C1 C2; try discriminate; constructor.
      - injection U as U1 U2; subst x. apply is_zero_cons in C1, C2. destruct C1 as [-> _], C2 as [-> _].
        assert (y * pow2 h = 0) by lra. apply Rmult_integral in H. destruct H; [assumption|].
        pose proof (bpow_gt_0 radix2 h). lra.
      - injection U as U1 U2. apply is_zero_cons in C1, C2. apply IH; tauto. }
    assert (S : forall l, is_zero_list l = true -> map (fun x => Z.shiftr x k) l = l /\ map (fun x => - Z.shiftr (- x)
      k)%Z l = l).
    { induction l as [|a l IH]; intros H; [auto|]. apply is_zero_cons in H. destruct H as [-> H2].
      destruct (IH H2) as [I1 I2]. cbn [map]. rewrite I1, I2, Z.opp_0, Z.shiftr_0_l. auto. }
    replace (fst _) with lo by (destruct (k =? 0)%Z; simpl; [|rewrite (proj1 (S lo C1))]; reflexivity).
    replace (snd _) with hi by (destruct (k =? 0)%Z; simpl; [|rewrite (proj2 (S hi C2))]; reflexivity).
    replace (map (fun x => x * pow2 bits) v) with (map (fun x => x * pow2 h) v); [exact W|].
    clear - Z0. induction Z0; simpl; [reflexivity|]. subst. rewrite !Rmult_0_l. f_equal. assumption.
Qed.

Lemma common_bits_le lo1 hi1 h1 lo2 hi2 h2 :
  let b := common_bits lo1 hi1 h1 lo2 hi2 h2 in
  ((b <= h1)%Z \/ (is_zero_list lo1 = true /\ is_zero_list hi1 = true))
  /\ ((b <= h2)%Z \/ (is_zero_list lo2 = true /\ is_zero_list hi2 = true)).
Proof.
  unfold common_bits. destruct (is_zero_list lo1), (is_zero_list hi1), (is_zero_list lo2), (is_zero_list hi2); simpl;
    intuition lia.
Qed.

(** lo from one, hi from the other of two vectors that enclose a third. *)
Lemma within_join lo1 hi1 a : within lo1 hi1 a -> forall lo2 hi2 b m, within lo2 hi2 b ->
  Forall2 Rle a m -> Forall2 Rle m b -> within lo1 hi2 m.
Proof.
  induction 1 as [|l h x lo hi v B W IH]; intros lo2 hi2 b m W2 F1 F2; inversion F1; subst.
  - inversion F2; subst. inversion W2; subst. constructor.
  - inversion F2; subst. inversion W2; subst. constructor; [lra|]. eapply IH; eauto.
Qed.

Lemma Forall2_scale k a b : 0 <= k -> Forall2 Rle a b -> Forall2 Rle (map (fun x => x * k) a) (map (fun x => x * k) b).
Proof. intros K F; induction F; simpl; constructor; [apply Rmult_le_compat_r; assumption | assumption]. Qed.

Lemma fixed_scale_means s syms lo hi r f : fixed_scale s lo hi r = Ok f ->
  (Nat.eqb lo hi = false -> Forall2 Rle (reals_at s lo) (syms lo hi) /\ Forall2 Rle (syms lo hi) (reals_at s hi)) ->
  fm_means f (instance (PDiag r) (if Nat.eqb lo hi then reals_at s lo else syms lo hi)).
Proof.
  unfold fixed_scale. intros H S. apply bind_ok in H. destruct H as ([[lo1 hi1] h1] & E1 & H). apply get_ok in E1.
  pose proof (fixed_correct _ _ _ _ E1) as W1.
  destruct (Nat.eqb lo hi) eqn:EQ.
  - injection H as <-. eexists; split; [exact W1 | reflexivity].
  - apply bind_ok in H. destruct H as ([[lo2 hi2] h2] & E2 & H). apply get_ok in E2.
    pose proof (fixed_correct _ _ _ _ E2) as W2. destruct (S eq_refl) as [S1 S2].
    apply bind_ok in H. destruct H as (u & _ & H). injection H as <-.
    eexists; split; [|reflexivity]. simpl.
    destruct (common_bits_le lo1 hi1 h1 lo2 hi2 h2) as [C1 C2].
    eapply within_join; [apply (coarsened_low _ _ _ _ _ W1 C1) | apply (coarsened_low _ _ _ _ _ W2 C2) | |];
      apply Forall2_scale; try apply bpow_ge_0; assumption.
Qed.

Definition symbols_of (s : store) (syms : symbols) (m : map_words) : Prop :=
  match m with
  | WScale lo hi _ => Forall2 Rle (reals_at s lo) (syms lo hi) /\ Forall2 Rle (syms lo hi) (reals_at s hi)
  | _ => True
  end.

Theorem fixed_map_means s syms n_in n_out m f : fixed_map s n_in n_out m = Ok f -> symbols_of s syms m ->
  fm_means f (map_value s syms n_in n_out m).
Proof.
  destruct m as [|t|t g|t n|lo hi r]; simpl; intros H S.
  - injection H as <-. apply identity_means.
  - apply bind_ok in H. destruct H as ([[lo hi] h] & E & H). apply get_ok in E. injection H as <-.
    exists (reals_at s t). split; [apply fixed_correct; assumption | reflexivity].
  - apply bind_ok in H. destruct H as ([[lo hi] h] & E & H). apply get_ok in E. injection H as <-.
    exists (reals_at s t). split; [apply fixed_correct; assumption | reflexivity].
  - apply bind_ok in H. destruct H as (l & E & H). injection H as <-. unfold indices_at in E.
    apply bind_ok in E. destruct E as (l' & E & H). apply get_ok in E.
    apply bind_ok in H. destruct H as (u & _ & H). injection H as ->.
    exists [1]. split; [constructor; [simpl; lra | constructor]|]. unfold integers_at. rewrite E. reflexivity.
  - apply fixed_scale_means; [exact H | intros _; exact S].
Qed.

(** The map of a term has as many outputs as its shape says. *)
Theorem map_value_length s syms n_in n_out m f u : fixed_map s n_in n_out m = Ok f -> symbols_of s syms m ->
  map_shape s n_in m = Some (n_in, n_out) -> length u = n_in -> length (apply (map_value s syms n_in n_out m) u) = n_out.
Proof.
  intros F S H U. destruct m as [|t|t g|t n|lo hi r];
    cbn [fixed_map symbols_of map_shape map_value instance apply] in *.
  - injection H as <-. rewrite map2_length, flat_map_repeat_length, repeat_length. lia.
  - rewrite map_length, map_length. apply chunk_length.
  - destruct (_ && _)%bool eqn:G; [|discriminate]. injection H as H1 H2.
    rewrite map_length, conv_rows_length; [exact H2|]. rewrite !andb_true_iff in G. tauto.
  - apply bind_ok in F. destruct F as (l & E & F). unfold indices_at in E.
    apply bind_ok in E. destruct E as (l' & E & E'). apply get_ok in E. 
    destruct (_ && _)%bool; [|discriminate]. injection H as H1 H2. subst n_out.
    rewrite map_length, map_length. unfold integers_at. rewrite E. apply integers_length; assumption.
  - destruct (_ && _)%bool eqn:G; [|discriminate]. injection H as H1 H2. rewrite !andb_true_iff in G.
    unfold fixed_scale in F. apply bind_ok in F. destruct F as ([[lo1 hi1] h1] & E1 & F). apply get_ok in E1.
    pose proof (within_length _ _ _ (fixed_correct _ _ _ _ E1)) as [L _]. rewrite map_length in L.
    pose proof (fixed_length _ _ _ _ E1) as [L' _].
    rewrite map2_length, flat_map_repeat_length. destruct (Nat.eqb lo hi).
    + unfold reals_at. rewrite <- L, L'. lia.
    + destruct S as [S _]. apply Forall2_same_length in S. unfold reals_at in S. rewrite <- S, <- L, L'. lia.
Qed.

Lemma apply_scale M k u : apply M (map (fun x => x * k) u) = map (fun x => x * k) (apply M u).
Proof.
  assert (D : forall l v, dotR l (map (fun x => x * k) v) = dotR l v * k).
  { induction l as [|a l IH]; intros [|x v]; simpl; try lra. rewrite IH. lra. }
  destruct M as [n rs | l]; simpl.
  - rewrite map_map. apply map_ext. intros [l | l]; simpl; [apply D|].
    induction l as [|[j a] l IH]; simpl; [lra|]. rewrite IH.
    replace (nth j (map (fun x => x * k) u) 0) with (nth j u 0 * k); [lra|].
    replace 0 with (0 * k) at 2 by lra. symmetry. apply (map_nth (fun x => x * k)).
  - revert u. induction l as [|a l IH]; intros [|x u]; simpl; try reflexivity. rewrite IH. f_equal. lra.
Qed.
